/**
 * The byte-level alphabet: how `tokenizer.json` files write bytes as visible characters.
 *
 * Printable bytes of Latin-1 stand for themselves, the other 68 for U+0100 and up. From GPT-2's `bytes_to_unicode`
 * (Radford et al. 2019, https://github.com/openai/gpt-2/blob/master/src/encoder.py).
 */

/** Code point of each byte's character. All are below U+0144. */
export const byteToCharacter: Uint16Array = makeByteToCharacter();

/** Byte of each character, or -1; indexed by code point. */
export const characterToByte: Int16Array = invert(byteToCharacter);

/** All 256 bytes ordered by their character: GPT-2's ids 0 to 255, and the order in which its trainer breaks ties. */
export const bytesInAlphabetOrder: Uint8Array = Uint8Array.from(
  Array.from(byteToCharacter, (character, byte) => ({ character, byte }))
    .sort((a, b) => a.character - b.character)
    .map(({ byte }) => byte),
);

/** Writes bytes in the alphabet; `" the"` becomes `"Ġthe"`. */
export function toByteLevel(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byteToCharacter[byte] as number);
  return text;
}

/** Reads a string of the alphabet; undefined when a character does not belong to it. */
export function fromByteLevel(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = characterToByte[text.charCodeAt(i)] ?? -1;
    if (byte < 0) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

function makeByteToCharacter(): Uint16Array {
  const characters = new Uint16Array(256);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const visible = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    characters[byte] = visible ? byte : next++;
  }
  return characters;
}

function invert(characters: Uint16Array): Int16Array {
  const bytes = new Int16Array(0x144).fill(-1);
  characters.forEach((character, byte) => (bytes[character] = byte));
  return bytes;
}
