/** Characters of UTF-8 as the pre-tokenisers of byte-level BPE walk over them, and what a pre-tokeniser is. */

/** End of the pre-token that begins at `start`; `end` is the end of the text. `start < end`. */
export type Splitter = (bytes: Uint8Array, start: number, end: number) => number;

/**
 * Length in bytes of the character at `at`: 1 for a byte that begins no character or whose followers are missing.
 *
 * Only the shape is checked (a lead byte and its number of continuation bytes).
 */
export function characterLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number;
  if (lead < 0xc0 || lead >= 0xf8) return 1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > end) return 1;
  for (let i = 1; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 1;
  return length;
}

/** Code point of the character at `at`, given its length; a byte that belongs to none gives U+FFFD. */
export function codePointAt(bytes: Uint8Array, at: number, length: number): number {
  const lead = bytes[at] as number;
  if (length === 1) return lead < 0x80 ? lead : 0xfffd;
  let code = lead & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) code = (code << 6) | ((bytes[at + i] as number) & 0x3f);
  return code;
}
