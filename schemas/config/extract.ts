/** Extraction, repair and redaction of `forge build-corpus`: how bytes of a source become the text of a document. */
import { z } from "zod";

const fraction = (value: number, text: string): z.ZodDefault<z.ZodNumber> =>
  z.number().min(0).max(1).default(value).describe(text);

const characters = (value: number, text: string): z.ZodDefault<z.ZodInt> =>
  z.int().min(0).max(100_000).default(value).describe(text);

export const densityConfigSchema = z
  .strictObject({
    maxLinkDensity: fraction(0.35, "A block with a greater part of its characters in links is boilerplate."),
    maxMainLinkDensity: fraction(
      0.65,
      "The same inside <main>, role=main or the page's only <article>, and for sentences by their stop words.",
    ),
    minLength: characters(70, "Shorter blocks (characters; an ideograph counts three) are judged by their neighbours."),
    goodLength: characters(
      200,
      "Longer blocks of scripts or languages without lists of stop words are main text, and longer runs of doubtful blocks.",
    ),
    minStopWords: fraction(0.15, "Least part of stop words in a block that may be main text."),
    goodStopWords: fraction(0.22, "Part of stop words from which a block is main text."),
    maxHeadingDistance: characters(200, "A heading stays when main text follows within so many characters."),
  })
  .refine((density) => density.minLength <= density.goodLength, {
    message: "minLength is above goodLength",
    path: ["minLength"],
  })
  .refine((density) => density.minStopWords <= density.goodStopWords, {
    message: "minStopWords is above goodStopWords",
    path: ["minStopWords"],
  });
export type DensityConfig = z.infer<typeof densityConfigSchema>;

export const readabilityConfigSchema = z.strictObject({
  maxBytes: z
    .int()
    .min(1024)
    .max(2 ** 24)
    .default(2 ** 20)
    .describe("A longer page is rejected as `html-too-large`."),
  maxElements: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(50_000)
    .describe("A page with more elements is rejected as `html-too-many-elements`."),
  maxDepth: z.int().min(1).max(1000).default(500).describe("A page nested deeper is rejected as `html-too-deep`."),
  maxSteps: z
    .int()
    .min(1)
    .max(200_000_000)
    .default(200_000_000)
    .describe(
      "A page with more nodes (elements, comments, pieces of text), each counted by the square of its depth and 2,000 " +
        "more, is rejected as `html-too-many-steps`: so much time and stack would it take.",
    ),
});
export type ReadabilityConfig = z.infer<typeof readabilityConfigSchema>;

export const extractConfigSchema = z.strictObject({
  html: z
    .enum(["density", "readability", "none"])
    .default("density")
    .describe(
      "HTML to text: `density` judges blocks by links, stop words and length in the manner of jusText; `readability` " +
        "is Mozilla's, some ten times slower; `none` leaves the markup in the text.",
    ),
  maxBytes: z
    .int()
    .min(1024)
    .max(2 ** 28)
    .default(2 ** 22)
    .describe("density: what follows after so many bytes of a page is not read; such pages are counted."),
  maxElements: z
    .int()
    .min(1)
    .max(100_000_000)
    .default(500_000)
    .describe("density: what follows after so many elements of a page is not read; such pages are counted."),
  maxDepth: z
    .int()
    .min(8)
    .max(10_000)
    .default(256)
    .describe("density: deeper elements are read as part of their ancestor at this depth."),
  density: densityConfigSchema.prefault({}).describe("Limits of `density`."),
  readability: readabilityConfigSchema
    .prefault({})
    .describe("Budgets of `readability`, whose time and stack grow faster than the page."),
});
export type ExtractConfig = z.infer<typeof extractConfigSchema>;

export const repairConfigSchema = z.strictObject({
  mojibake: z
    .boolean()
    .default(true)
    .describe("Decode lines again that were UTF-8 read as Windows-1252 or Latin-1, where that is clearly better."),
  unicode: z.enum(["nfc", "none"]).default("nfc").describe("Canonical composition, or leave code points as they are."),
  controls: z
    .boolean()
    .default(true)
    .describe(
      "Remove control characters (but tab and line feed), byte order marks, soft hyphens and zero-width spaces.",
    ),
  whitespace: z
    .boolean()
    .default(true)
    .describe("Line separators to LF, no blanks at line ends, at most two empty lines in a row, none around the text."),
});
export type RepairConfig = z.infer<typeof repairConfigSchema>;

const placeholder = (
  text: string,
  description: string,
): z.ZodDefault<z.ZodUnion<readonly [z.ZodLiteral<false>, z.ZodString]>> =>
  z
    .union([z.literal(false), z.string().max(100)])
    .default(text)
    .describe(description);

export const redactConfigSchema = z.strictObject({
  email: placeholder("email@example.com", "E-mail addresses; those of example domains (RFC 2606) stay."),
  ipv4: placeholder(
    "22.214.171.124",
    "Public IPv4 addresses; private, loopback and documentation ranges stay, and what looks like a version number.",
  ),
  ipv6: placeholder("2001:db8::1", "Public IPv6 addresses (2000::/3 without documentation ranges)."),
  phone: z
    .union([z.literal(false), z.string().max(100)])
    .default(false)
    .describe(
      "Phone numbers: with a country code, in North American or French grouping, or behind a word like `tel.`; " +
        "off by default, for there is no checksum and serial numbers look alike.",
    ),
  iban: placeholder(
    "XX00 0000 0000 0000",
    "Bank account numbers (IBAN) with their country's length and right checksum.",
  ),
  paymentCard: placeholder("0000 0000 0000 0000", "Payment card numbers with an issuer's prefix and right checksum."),
});
export type RedactConfig = z.infer<typeof redactConfigSchema>;
