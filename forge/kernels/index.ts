/**
 * The door of the text kernels: hot loops over UTF-8 bytes, each in two implementations with equal results.
 *
 * `FORGE_KERNELS=reference` or `wasm` forces one; otherwise WebAssembly is taken where it runs. Only the one that is
 * taken is loaded. Doors of their own: `bpe.ts`, `fasttext.ts`, `filter-statistics.ts`, `ngram-index.ts`, `normal-words.ts`.
 */
import { EnvironmentError, UsageError } from "../base/errors.ts";
import type { TextKernels } from "./types.ts";

export * from "./types.ts";

const implementations = ["auto", "reference", "wasm"] as const;
export type KernelImplementation = (typeof implementations)[number];

export interface LoadKernelsOptions {
  /** @default the environment variable FORGE_KERNELS, else "auto" */
  readonly implementation?: KernelImplementation;
}

let fast: TextKernels | undefined;

/**
 * The kernels of this thread; the module is instantiated once.
 *
 * @throws EnvironmentError when "wasm" is forced and does not run here
 */
export async function loadKernels(options: LoadKernelsOptions = {}): Promise<TextKernels> {
  const wanted = options.implementation ?? implementationOf(process.env["FORGE_KERNELS"]);
  if (wanted === "reference") return await loadReference();
  fast ??= await loadFast();
  if (fast === undefined && wanted === "wasm") {
    throw new EnvironmentError("kernels-unavailable", "The WebAssembly text kernels do not run here", {
      hint: "Build them with `npm run build:kernels`, or leave FORGE_KERNELS unset.",
    });
  }
  return fast ?? (await loadReference());
}

async function loadFast(): Promise<TextKernels | undefined> {
  const [{ kernelInstance }, { wasmKernels }] = await Promise.all([import("./instance.ts"), import("./wasm.ts")]);
  const instance = await kernelInstance();
  return instance === undefined ? undefined : wasmKernels(instance);
}

async function loadReference(): Promise<TextKernels> {
  return (await import("./reference/index.ts")).referenceKernels;
}

function implementationOf(value: string | undefined): KernelImplementation {
  if (value === undefined || value === "") return "auto";
  const found = implementations.find((name) => name === value);
  if (found !== undefined) return found;
  throw new UsageError("unknown-kernels", `FORGE_KERNELS is ${value}, not one of ${implementations.join(", ")}`);
}
