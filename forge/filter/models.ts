/** fastText models of filters, each loaded once in a thread. */
import { readFile } from "node:fs/promises";
import { EnvironmentError, isSystemError } from "../base/index.ts";
import type { FastTextClassifier } from "../kernels/fasttext.ts";

/** Models of this thread, by path. */
const loaded = new Map<string, Promise<FastTextClassifier>>();

/**
 * Loads a model file.
 *
 * @param kind for the message when it is missing
 * @throws EnvironmentError `language-model-missing`, `classifier-model-missing`
 * @throws DataError `fasttext-invalid` when the file is no such model
 */
export async function loadModel(path: string, kind: "language" | "classifier"): Promise<FastTextClassifier> {
  const known = loaded.get(path);
  if (known !== undefined) return await known;
  const loading = Promise.all([readModel(path, kind), import("../kernels/fasttext.ts")]).then(
    ([bytes, { loadFastText }]) => loadFastText(bytes, path),
  );
  loaded.set(path, loading);
  loading.catch(() => loaded.delete(path));
  return await loading;
}

async function readModel(path: string, kind: "language" | "classifier"): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const hint =
      kind === "language"
        ? "Run npm install, or name a model in the language filter (`model: lid.176.bin`)."
        : "Name a fastText model file (.bin or .ftz) in the classifier filter's `model`.";
    throw new EnvironmentError(`${kind}-model-missing`, `The ${kind} model ${path} cannot be read`, {
      cause: error,
      hint,
    });
  }
}
