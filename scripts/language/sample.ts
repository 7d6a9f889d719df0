/**
 * A labelled sample of texts: folders named by language, with manual pages (`de/man1/ls.1.gz`), message catalogues
 * (`de/LC_MESSAGES/tar.mo`) or plain text (`de/a.txt`).
 *
 * What stands in a folder is not always in its language: translations are partial. A paragraph that an English page
 * holds too, or that is written with English function words, is left out and counted. The model is not asked.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { paragraphsOfManualPage } from "./manual-page.ts";
import { messagesOf } from "./message-catalogue.ts";

/** Texts of one folder. */
export interface LabelledTexts {
  /** The folder's name: `pt_BR`; `en` for untranslated pages. */
  readonly variant: string;
  /** The language as lid.176 names it: `pt`. */
  readonly language: string;
  /** Paragraphs by document; documents without any are not listed. */
  readonly documents: readonly (readonly string[])[];
  readonly left: { readonly short: number; readonly repeated: number; readonly english: number };
}

/** A stretch of text with its label. */
export interface Piece {
  readonly variant: string;
  readonly language: string;
  readonly text: string;
}

/** lid.176 has no `nb`: Bokmål is its `no`. */
const languageOf = (variant: string): string => {
  if (/^man\d/u.test(variant)) return "en";
  const code = variant.replace(/[_@].*$/u, "");
  return code === "nb" ? "no" : code;
};

/** Messages of a catalogue have little to do with each other: so many of them make up a document. */
const messagesPerDocument = 20;
/** Variants in another script than the language's own: `sr@latin`, `be@latin`, `uz@cyrillic`, `en@shaw`. */
const otherScript = /@(?!valencia)/u;

/** Function words of English that no other language of the sample has: not `for` (Danish), `is`, `of` (Dutch), `to` (Polish). */
const wordsOfEnglish = new Set(
  (
    "the and that this these which when with from will are has have been would should their they you your can not " +
    "must may only other than used each its into does"
  ).split(" "),
);
/** From this share of them, a paragraph is English. */
const englishShare = 0.08;
/** Scripts of languages that are not written in Latin letters, and the least share of them in a paragraph's letters. */
const scripts: Readonly<Record<string, RegExp>> = {
  el: /\p{sc=Greek}/gu,
  ja: /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/gu,
  ko: /\p{sc=Hangul}/gu,
  mk: /\p{sc=Cyrillic}/gu,
  ru: /\p{sc=Cyrillic}/gu,
  sr: /\p{sc=Cyrillic}/gu,
  uk: /\p{sc=Cyrillic}/gu,
  zh: /\p{sc=Han}/gu,
};
const scriptShare = 0.25;
const minCodePoints = 40;
const minLetters = 0.6;

/** Reads all folders; variants in the order of their names, documents in the order of theirs. */
export function readSample(folders: readonly string[]): readonly LabelledTexts[] {
  const files = folders.flatMap((folder) => listFiles(folder)).sort((a, b) => (a.key < b.key ? -1 : 1));
  const byVariant = Map.groupBy(files, ({ variant }) => (languageOf(variant) === "en" ? "en" : variant));
  const english = new Set<string>();
  const seenIn = new Map<string, Set<string>>();
  const read = (variant: string): LabelledTexts => {
    const left = { short: 0, repeated: 0, english: 0 };
    const language = languageOf(variant);
    const seen = seenIn.get(language) ?? new Set<string>();
    seenIn.set(language, seen);
    const documents = (byVariant.get(variant) ?? []).flatMap(({ path }) => {
      const kept: string[] = [];
      for (const paragraph of paragraphsOf(path)) {
        if (language === "en") english.add(paragraph);
        if (!isProse(paragraph)) left.short++;
        else if (seen.has(paragraph)) left.repeated++;
        else if (language !== "en" && (english.has(paragraph) || isEnglish(paragraph, language))) left.english++;
        else kept.push(paragraph);
        seen.add(paragraph);
      }
      return path.endsWith(".mo") ? chunksOf(kept, messagesPerDocument) : [kept];
    });
    return { variant, language, documents: documents.filter((paragraphs) => paragraphs.length > 0), left };
  };
  // English first: its paragraphs are known when the others are read.
  const first = byVariant.has("en") ? [read("en")] : [];
  const others = [...byVariant.keys()].filter((variant) => variant !== "en").sort();
  return [...first, ...others.map(read)];
}

/**
 * Stretches of `codePoints` characters of each document, from its beginning, cut at spaces where there are some. A last
 * stretch counts if it is nearly as long as wanted.
 */
export function piecesOf(
  { variant, language, documents }: LabelledTexts,
  codePoints: number,
  { perDocument = 3, perVariant = 1500 } = {},
): readonly Piece[] {
  const pieces = documents.map((paragraphs) => {
    let rest = Array.from(paragraphs.join("\n\n"));
    const texts: string[] = [];
    while (rest.length >= 0.9 * codePoints && texts.length < perDocument) {
      const cut = rest.slice(0, codePoints);
      const space = rest.length > codePoints ? cut.findLastIndex((character) => /\s/u.test(character)) : -1;
      const length = space > 0.9 * codePoints ? space : cut.length;
      texts.push(rest.slice(0, length).join(""));
      rest = Array.from(rest.slice(length).join("").trimStart());
    }
    return texts.map((text): Piece => ({ variant, language, text }));
  });
  // Every n-th document when there are too many pieces: the same ones each time, from all over the list.
  const total = pieces.reduce((sum, list) => sum + list.length, 0);
  const step = Math.max(1, Math.ceil(total / perVariant));
  return pieces.filter((_, i) => i % step === 0).flat();
}

/** Whether a paragraph is a sentence or more, and not a command line, a list of options, code or an address. */
export function isProse(paragraph: string): boolean {
  const letters = count(paragraph, /[\p{L}\p{M}]/gu);
  // A character of Han, Kana or Hangul says about as much as three of an alphabet.
  const wide = count(paragraph, /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}]/gu);
  return (
    letters + 2 * wide >= minCodePoints &&
    letters >= minLetters * count(paragraph, /\S/gu) &&
    count(paragraph, /[[\]{}]|->|\(\);/gu) <= 2 &&
    /[.!?:。．！？：।։۔؟።][)\]"”»’）]?$/u.test(paragraph)
  );
}

/** Whether a paragraph of a page in another language was left untranslated: its function words or its script say so. */
export function isEnglish(paragraph: string, language: string): boolean {
  const words = paragraph.toLowerCase().match(/\p{L}+/gu) ?? [];
  const english = words.filter((word) => wordsOfEnglish.has(word)).length;
  const script = scripts[language];
  return (
    (english > 0 && english >= englishShare * words.length) ||
    (script !== undefined && count(paragraph, script) < scriptShare * count(paragraph, /\p{L}/gu))
  );
}

function chunksOf<T>(values: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(values.length / size) }, (_, i) => values.slice(i * size, (i + 1) * size));
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

interface SampleFile {
  readonly variant: string;
  readonly path: string;
  readonly key: string;
}

function listFiles(folder: string): readonly SampleFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(?:txt|mo|\d\w*(?:\.gz)?)$/u.test(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const key = path.slice(folder.length).split(/[\\/]/u).filter(Boolean).join("/");
      return { variant: key.split("/")[0] as string, path, key };
    })
    .filter(({ key, variant }) => key.includes("/") && !otherScript.test(variant));
}

function paragraphsOf(path: string): readonly string[] {
  const bytes = readFileSync(path);
  if (path.endsWith(".mo")) {
    return messagesOf(bytes)
      .filter(({ original, translation }) => original !== translation)
      .flatMap(({ translation }) => translation.split(/\n\s*\n/u))
      .map((part) => part.replaceAll(/\s+/gu, " ").trim());
  }
  const plain = path.endsWith(".gz") ? gunzipSync(bytes) : bytes;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch {
    return []; // A page in an old encoding: nobody says which.
  }
  return path.endsWith(".txt") ? text.split(/\n\s*\n/u).map((part) => part.trim()) : paragraphsOfManualPage(text);
}
