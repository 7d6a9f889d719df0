/**
 * Instances of the kernels' module for kernels with state of their own: a tokenizer's tables, a classifier's model.
 *
 * The module holds one such state an instance, so each encoder and classifier has an instance and memory to itself.
 */
import { readFileSync } from "node:fs";
import { assetPath } from "../base/locate.ts";
import { KernelInstance, type KernelExports } from "./instance.ts";

let module: WebAssembly.Module | undefined;

/** A fresh instance, or undefined where WebAssembly SIMD or the built file is missing. */
export function ownKernelInstance(): KernelInstance | undefined {
  if (module === undefined) {
    let bytes: Buffer<ArrayBuffer>;
    try {
      bytes = readFileSync(assetPath(import.meta.url, "./kernels.wasm"));
    } catch {
      return undefined;
    }
    if (!WebAssembly.validate(bytes)) return undefined;
    module = new WebAssembly.Module(bytes);
  }
  const abort = (): never => {
    throw new Error("a text kernel aborted");
  };
  const { exports } = new WebAssembly.Instance(module, { env: { abort } });
  return new KernelInstance(exports as unknown as KernelExports);
}
