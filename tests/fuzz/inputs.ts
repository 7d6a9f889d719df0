/**
 * Inputs for the fuzzer: real text and its mutations, random bytes and code points, and what kernels stumble over.
 *
 * Everything comes from the random stream that is handed in, so that a case is a function of its seed.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { packageRoot } from "../../forge/base/locate.ts";
import type { Random } from "../../forge/base/random.ts";
import { nastyPieces } from "../kernels/support.ts";

/** Real text to mutate: the shared corpus when it is there, else the repository's own documents. */
export function realText(): Uint8Array {
  const shared = join(packageRoot, "../shared/data/docs.jsonl.zst");
  if (existsSync(shared)) return new Uint8Array(zstdDecompressSync(readFileSync(shared)).subarray(0, 24_000_000));
  const own = [
    "README.md",
    "CONTRIBUTING.md",
    "docs/kernels.md",
    "forge/kernels/assembly/jsonl.ts",
    "package-lock.json",
  ];
  return new Uint8Array(Buffer.concat(own.map((name) => readFileSync(join(packageRoot, name)))));
}

const brokenUtf8: readonly Uint8Array[] = [
  [0x80],
  [0xbf, 0xbf],
  [0xc0, 0x80],
  [0xc2],
  [0xe0, 0x80, 0x80],
  [0xe0, 0xa0],
  [0xe2, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xf0, 0x9f],
  [0xf0, 0x9f, 0x98],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf8, 0x88, 0x80, 0x80, 0x80],
  [0xff],
].map((bytes) => Uint8Array.from(bytes));

const jsonPieces: readonly string[] = [
  ...'{}[]",:\\/0123456789-+.eE \t\r\n',
  '{"text":"',
  '"}\n',
  '"text":',
  '"id":1,',
  "\\u0000",
  "\\ud83d\\ude00",
  "\\ud83d",
  "\\udc00",
  "\\u12",
  '\\n\\t\\"\\\\',
  "\\x",
  "null",
  "true",
  "false",
  "nul",
  "1e5",
  "1e",
  "-0",
  "01",
  "\r\n",
  "\n\n",
  "\u2028",
  "é😀",
  "\ufeff",
];

/** Texts of one batch. */
export function texts(random: Random, real: Uint8Array): Uint8Array[] {
  const few = random.below(20);
  if (few === 0) return Array.from({ length: random.below(300) }, () => bytesOf(random, random.below(3)));
  if (few === 1) return [];
  return Array.from({ length: 1 + random.below(8) }, () => text(random, real));
}

/** Pieces of a chunk of JSON Lines: good records, damaged ones and rubbish. */
export function jsonLines(random: Random, real: Uint8Array): Uint8Array[] {
  return Array.from({ length: random.below(12) }, () => {
    const kind = random.below(10);
    if (kind < 4) return Buffer.from(`${jsonOf(random, jsonObject(random, 0, real))}${pick(random, lineEnds)}`);
    if (kind < 6) return mutate(random, Buffer.from(`${jsonOf(random, jsonObject(random, 0, real))}\n`), real);
    if (kind < 8) return Buffer.from(repeat(random.below(30), () => pick(random, jsonPieces)));
    if (kind === 8) {
      const depth = random.below(random.below(10) === 0 ? 20_000 : 50);
      const open = pick(random, ["[", '{"a":', '[{"text":']);
      const close = open === "[" ? "]" : open === '{"a":' ? "}" : "}]";
      return Buffer.from(
        `{"text":"x","deep":${open.repeat(depth)}1${close.repeat(Math.max(0, depth - random.below(2)))}}\n`,
      );
    }
    return text(random, real);
  });
}

const lineEnds = ["\n", "\n", "\n", "\r\n", "\n\n", "", " \n"];

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

function jsonObject(random: Random, depth: number, real: Uint8Array): { [key: string]: Json } {
  const keys = ["text", "id", "ключ", "other", "te\u0000xt", "__proto__x", ""];
  return Object.fromEntries(
    Array.from({ length: random.below(6) }, () => [pick(random, keys), jsonValue(random, depth + 1, real)] as const),
  );
}

function jsonValue(random: Random, depth: number, real: Uint8Array): Json {
  const kind = random.below(depth > 4 ? 5 : 7);
  if (kind <= 1) return Buffer.from(text(random, real).subarray(0, 400)).toString();
  if (kind === 2) return random.below(2) === 0 ? random.below(1000) : (random.float() - 0.5) * 10 ** random.below(30);
  if (kind === 3) return random.below(2) === 0;
  if (kind === 4) return null;
  if (kind === 5) return Array.from({ length: random.below(4) }, () => jsonValue(random, depth + 1, real));
  return jsonObject(random, depth, real);
}

/** JSON with some of its characters escaped, and white space where it may stand. */
function jsonOf(random: Random, value: Json): string {
  const json = JSON.stringify(value);
  if (random.below(2) === 0) return json;
  return json.replaceAll(/[a-z\u0080-\uffff]/giu, (character) => {
    if (random.below(8) !== 0 || !/["{,[:]/.test(json)) return character;
    const inString = /^[\u0080-\uffff]$/u.test(character);
    return inString ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : character;
  });
}

/** One text. */
export function text(random: Random, real: Uint8Array): Uint8Array {
  switch (random.below(9)) {
    case 0:
      return bytesOf(random, random.below(200));
    case 1:
      return Buffer.from(repeat(random.below(80), () => codePoint(random)));
    case 2:
    case 3:
      return Buffer.from(repeat(random.below(60), () => pick(random, nastyPieces)));
    case 4:
      return slice(random, real, 4000);
    case 5:
      return mutate(random, slice(random, real, 2000), real);
    case 6: {
      const length = random.below(40) === 0 ? 200_000 : 3000;
      const piece = Buffer.from(random.below(2) === 0 ? pick(random, nastyPieces) : codePoint(random));
      const count = Math.floor(random.below(length) / Math.max(1, piece.length));
      return Buffer.concat([
        slice(random, real, 20),
        Buffer.alloc(count * piece.length, piece),
        slice(random, real, 20),
      ]);
    }
    case 7:
      return Buffer.concat(
        Array.from({ length: random.below(30) }, () =>
          random.below(2) === 0 ? pick(random, brokenUtf8) : Buffer.from(pick(random, nastyPieces)),
        ),
      );
    default: {
      // Repetitions of phrases and lines, which statistics of duplicates live on.
      const phrases = Array.from({ length: 1 + random.below(4) }, () => slice(random, real, 60));
      const gaps = ["\n", "\n\n", " ", "\n\n\n", ". ", "\r\n"].map((gap) => Buffer.from(gap));
      return Buffer.concat(
        Array.from({ length: 2 * random.below(60) }, (_, i) => pick(random, i % 2 === 0 ? phrases : gaps)),
      );
    }
  }
}

function mutate(random: Random, bytes: Uint8Array, real: Uint8Array): Uint8Array {
  let mutated = Buffer.from(bytes);
  for (let i = 1 + random.below(6); i > 0; i--) {
    const at = random.below(mutated.length + 1);
    const rest = mutated.length - at;
    const [before, after] = [mutated.subarray(0, at), mutated.subarray(at)];
    switch (random.below(6)) {
      case 0:
        mutated = Buffer.concat([before, bytesOf(random, 1 + random.below(3)), after.subarray(Math.min(1, rest))]);
        break;
      case 1:
        mutated = Buffer.concat([before, after.subarray(random.below(rest + 1))]);
        break;
      case 2:
        mutated = Buffer.concat([before, Buffer.from(pick(random, nastyPieces)), after]);
        break;
      case 3:
        mutated = Buffer.concat([before, pick(random, brokenUtf8), after]);
        break;
      case 4:
        mutated = Buffer.concat([before, slice(random, real, 200), after]);
        break;
      default:
        mutated = Buffer.concat([before, after.subarray(0, random.below(rest + 1)), after]);
    }
  }
  return mutated;
}

function slice(random: Random, real: Uint8Array, most: number): Uint8Array {
  const start = random.below(real.length);
  const end = Math.min(real.length, start + random.below(most));
  // In JSON Lines the line feeds of a text are escaped; as text they are wanted.
  return Buffer.from(Buffer.from(real.subarray(start, end)).toString("latin1").replaceAll("\\n", "\n"), "latin1");
}

const blocks: readonly (readonly [number, number])[] = [
  [0, 0x80],
  [0x80, 0x800],
  [0x300, 0x370],
  [0x590, 0x700],
  [0x900, 0xe00],
  [0x1100, 0x1200],
  [0x1e00, 0x2100],
  [0x2000, 0x2070],
  [0x3000, 0x3100],
  [0x800, 0xd800],
  [0xac00, 0xd7a4],
  [0xe000, 0x10000],
  [0x10000, 0x110000],
  [0x1d100, 0x1d200],
  [0x1f300, 0x1fb00],
];

function codePoint(random: Random): string {
  const [start, end] = pick(random, blocks);
  return String.fromCodePoint(start + random.below(end - start)).toWellFormed();
}

function bytesOf(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function repeat(count: number, make: () => string): string {
  return Array.from({ length: count }, make).join("");
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)] as T;
}
