// @ts-check
// Whether compiled kernels are those of the sources beside them: after a `git pull` they may not be, and old kernels under
// new code read and write where they should not. Plain JavaScript: an old Node must be able to run it.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Compiled modules and the folders of their sources. @type {Readonly<Record<string, string>>} */
export const kernelSources = {
  "forge/kernels/kernels.wasm": "forge/kernels/assembly",
  "trainer/backends/wasm/train.wasm": "trainer/backends/wasm/assembly",
  "trainer/backends/wasm/train-relaxed.wasm": "trainer/backends/wasm/assembly",
};

/**
 * Hash of all sources below a folder, names and contents.
 * @param {string} folder
 */
export function hashSources(folder) {
  const hash = createHash("sha256");
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => name.replaceAll("\\", "/"));
  for (const name of names.filter((one) => one.endsWith(".ts")).sort()) {
    hash.update(name).update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

/**
 * Compiled modules that were made of other sources than there are now. One that is missing is not among them: what needs
 * it says so, or does without. Where there are no sources, in the published package, none is.
 * @param {string} root
 * @returns {string[]}
 */
export function staleKernels(root) {
  /** @type {Map<string, string>} */
  const hashes = new Map();
  return Object.entries(kernelSources)
    .filter(([output, sources]) => {
      if (!existsSync(join(root, output)) || !existsSync(join(root, sources))) return false;
      const hash = hashes.get(sources) ?? hashSources(join(root, sources));
      hashes.set(sources, hash);
      return stampOf(join(root, `${output}.json`)).sources !== hash;
    })
    .map(([output]) => output);
}

/**
 * What the build wrote beside a module.
 * @param {string} path
 * @returns {{ hash?: string, sources?: string }}
 */
export function stampOf(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return {};
  }
}
