/**
 * Translations in a compiled gettext catalogue (`.mo`): the GNU format, either byte order.
 *
 * https://www.gnu.org/software/gettext/manual/html_node/MO-Files.html
 */

export interface Message {
  readonly original: string;
  readonly translation: string;
}

/** Messages in the catalogue's order, without its header; of plural forms the last. Empty when the bytes are no catalogue. */
export function messagesOf(bytes: Uint8Array): readonly Message[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 20) return [];
  const littleEndian = view.getUint32(0, true) === 0x950412de;
  if (!littleEndian && view.getUint32(0, false) !== 0x950412de) return [];
  const number = (at: number): number => view.getUint32(at, littleEndian);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const text = (table: number, i: number): string => {
    const [length, offset] = [number(table + 8 * i), number(table + 8 * i + 4)];
    return decoder.decode(bytes.subarray(offset, offset + length));
  };
  const [count, originals, translations] = [number(8), number(12), number(16)];
  const messages: Message[] = [];
  for (let i = 0; i < count; i++) {
    try {
      // A context stands before the original, plural forms are separated by NUL.
      const original = text(originals, i).split("\u0004").at(-1) ?? "";
      if (original === "") continue;
      messages.push({
        original: original.split("\0").at(-1) ?? "",
        translation: text(translations, i).split("\0").at(-1) ?? "",
      });
    } catch {
      continue; // In an old encoding.
    }
  }
  return messages;
}
