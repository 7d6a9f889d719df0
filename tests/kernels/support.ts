/** Texts for kernel tests: columns from strings, nasty strings, and both implementations. */
import fc from "fast-check";
import { loadKernels, type TextColumn, type TextKernels } from "../../forge/kernels/index.ts";

export const reference: TextKernels = await loadKernels({ implementation: "reference" });
export const wasm: TextKernels = await loadKernels({ implementation: "wasm" });
export const both = [reference, wasm] as const;

/** A column of strings or bytes, with bytes before it so that its offsets do not begin at 0. */
export function column(texts: readonly (string | Uint8Array)[], lead = 0): TextColumn {
  const parts = texts.map((text) => (typeof text === "string" ? Buffer.from(text) : text));
  const offsets = new Int32Array(parts.length + 1);
  offsets[0] = lead;
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  const values = new Uint8Array(Buffer.concat([Buffer.alloc(lead, 0xff), ...parts, Buffer.from("beyond")]));
  return { values, offsets, length: texts.length };
}

export function textsOf({ values, offsets, length }: TextColumn): string[] {
  return Array.from({ length }, (_, i) => Buffer.from(values.subarray(offsets[i], offsets[i + 1])).toString());
}

/** Pieces that kernels treat specially, strung together at random with ordinary ones. */
export const nastyPieces = [
  ..." \t\n\r\v\f\u0085\u00a0\u2003\u3000\u200b\ufeff\u0000\u001f\u007f",
  ..."aZz09_-.,;:!?'\"\\/{}[]()$€|~`^<>=+*&%#@§¶•…“”",
  ..."éÉñßſıİΣσςΑΩЖжաԱႠÅKⅠǅ",
  "e\u0301",
  "a\u0315\u0300",
  "\u0301",
  "\u302e\u302f",
  "\u302f\u302e",
  "\u{16ff0}\u302e",
  "\u302e\ufe0f\u302f",
  "\u{1d15e}",
  "\u{1d160}",
  "1.5",
  "1,234,567",
  "٣٫٥",
  "१२.३४",
  "𝟗",
  "½",
  "한글",
  "각",
  "漢字",
  "\u1e9b\u0323",
  "≠",
  "\u037e",
  "\u2126",
  "😀",
  "👩‍👩‍👧",
  "ΟΔΥΣΣΕΥΣ",
  "Σ'Σ",
  "AΣ.",
  "AΣ.b",
  "\ufffd",
  "\uffff",
  "\u{10ffff}",
  "word",
  "Word another",
  "a".repeat(17),
  "B".repeat(33),
  " ".repeat(20),
];

export const nastyText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...nastyPieces) }, fc.string({ unit: "binary", maxLength: 4 })),
    {
      maxLength: 60,
    },
  )
  .map((parts) => parts.join(""));

/** Any bytes, with leads, continuations and ASCII in unhealthy neighbourhood. */
export const nastyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 80 }),
  fc
    .array(
      fc.oneof(
        fc.constantFrom(
          ...[[0xc0, 0x80], [0xc2], [0xe0, 0x80], [0xe0, 0xa0], [0xed, 0xa0, 0x80], [0xef, 0xbf, 0xbd], [0xf0, 0x8f]],
          ...[
            [0xf0, 0x90, 0x80],
            [0xf4, 0x90, 0x80, 0x80],
            [0xf5],
            [0xff],
            [0x80],
            [0xbf, 0xbf],
            [0xf1, 0x80, 0x80, 0x80],
          ],
        ),
        fc.string({ unit: "binary", maxLength: 12 }).map((text) => [...Buffer.from(text)]),
      ),
      { maxLength: 30 },
    )
    .map((parts) => Uint8Array.from(parts.flat())),
);
