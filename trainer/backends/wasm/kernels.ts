/** Loads the trainer's WebAssembly: which build, and its exports as types. See `assembly/` for what they do. */
import { readFile } from "node:fs/promises";
import { assetPath } from "../../../forge/base/locate.ts";
import { EnvironmentError } from "../../../forge/base/errors.ts";

export interface TrainingKernels {
  setWorkspace(address: number): void;
  gemm(
    transposeA: number,
    transposeB: number,
    m: number,
    n: number,
    k: number,
    a: number,
    lda: number,
    b: number,
    ldb: number,
    c: number,
    ldc: number,
    accumulate: number,
  ): void;
  layerNormForward(
    x: number,
    weight: number,
    bias: number,
    y: number,
    stats: number,
    rows: number,
    width: number,
    epsilon: number,
  ): void;
  layerNormBackward(
    x: number,
    weight: number,
    stats: number,
    dy: number,
    dx: number,
    dWeight: number,
    dBias: number,
    rows: number,
    width: number,
  ): void;
  addBias(x: number, bias: number, rows: number, width: number): void;
  addRows(x: number, bias: number, y: number, rows: number, width: number): void;
  addBiasGradient(dy: number, dBias: number, rows: number, width: number): void;
  addInto(x: number, y: number, count: number): void;
  fillZero(x: number, count: number): void;
  geluForward(x: number, y: number, count: number): void;
  geluBackward(x: number, dy: number, count: number): void;
  attentionForward(
    qkv: number,
    out: number,
    probabilities: number,
    first: number,
    length: number,
    stride: number,
    heads: number,
    headWidth: number,
  ): void;
  attentionBackward(
    qkv: number,
    probabilities: number,
    dOut: number,
    dQkv: number,
    scratch: number,
    length: number,
    stride: number,
    heads: number,
    headWidth: number,
  ): void;
  crossEntropy(
    logits: number,
    targets: number,
    rows: number,
    vocabulary: number,
    stride: number,
    scale: number,
    gradient: number,
  ): number;
  embeddingForward(
    tokenTable: number,
    positionTable: number,
    tokens: number,
    out: number,
    rows: number,
    length: number,
    first: number,
    width: number,
  ): void;
  embeddingBackward(
    dTokenTable: number,
    dPositionTable: number,
    tokens: number,
    dOut: number,
    rows: number,
    length: number,
    width: number,
  ): void;
  sumSquares(x: number, count: number): number;
  adamw(
    parameter: number,
    gradient: number,
    first: number,
    second: number,
    count: number,
    gradientScale: number,
    lr: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decay: number,
    correction1: number,
    rootCorrection2: number,
  ): void;
}

export type KernelBuild = "simd" | "relaxed-simd";

/**
 * Compiles a build once; the module may be posted to workers.
 *
 * `auto` takes the relaxed build where it validates (Node 24). The two round differently: relaxed fuses a · b + c.
 *
 * @throws EnvironmentError `kernels-missing`, `kernels-unsupported`
 */
export async function compileKernels(
  wanted: "auto" | KernelBuild,
): Promise<{ readonly module: WebAssembly.Module; readonly build: KernelBuild }> {
  if (wanted !== "simd") {
    const bytes = await readKernels("train-relaxed.wasm");
    if (WebAssembly.validate(bytes)) return { module: await WebAssembly.compile(bytes), build: "relaxed-simd" };
    if (wanted === "relaxed-simd") {
      throw new EnvironmentError("kernels-unsupported", "This Node does not run relaxed SIMD", {
        hint: "Set backend.kernels to auto or simd.",
      });
    }
  }
  return { module: await WebAssembly.compile(await readKernels("train.wasm")), build: "simd" };
}

/** An instance for the calling thread, working on the shared memory. */
export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): TrainingKernels {
  const abort = (): never => {
    throw new Error("A training kernel aborted");
  };
  // The exports are those of assembly/index.ts; WebAssembly's own types cannot say so.
  return new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as TrainingKernels;
}

async function readKernels(name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(assetPath(import.meta.url, `./${name}`));
  } catch (cause) {
    throw new EnvironmentError("kernels-missing", `${name} is not built`, {
      hint: "Run npm run build:kernels.",
      cause,
    });
  }
}
