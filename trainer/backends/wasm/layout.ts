/**
 * Where everything lies in the trainer's one shared memory. A pure function of the sizes, so that a plan knows the
 * exact number of bytes before anything is allocated.
 *
 * | region | for |
 * |---|---|
 * | losses, norms | f64 results, one each micro-batch and each chunk of parameters |
 * | tokens, targets | i32, the batch of a step |
 * | parameters, moments | f32, shared by all threads |
 * | gradients | f32, one copy each lane |
 * | per thread | scratch of the matrix product, activations |
 */
import { countOf } from "../../model/gpt2.ts";
import { isDecayed, type ModelSpec } from "../../model/spec.ts";
import type { BackendOptions } from "../backend.ts";

/** wasm32 addresses 4 GiB. */
export const maxMemoryBytes: number = 65536 * 65536;

/** Floats of one chunk: the grain in which reduction, norm and update are shared out and summed. */
const chunkFloats = 65536;
/** Rows of hidden states whose logits are held at a time. */
export const rowsOfLogits = 128;

/** A stretch of the flat parameter array inside one tensor; `count` is a multiple of 4. */
export interface Chunk {
  readonly offset: number;
  readonly count: number;
  readonly decayed: boolean;
}

/** Addresses (bytes) of one layer's activations. */
export interface LayerMemory {
  readonly input: number;
  readonly norm1: number;
  readonly stats1: number;
  readonly qkv: number;
  readonly probabilities: number;
  readonly attended: number;
  readonly middle: number;
  readonly norm2: number;
  readonly stats2: number;
  readonly expanded: number;
  readonly activated: number;
}

/** Addresses of one thread's scratch. */
export interface ThreadMemory {
  readonly workspace: number;
  readonly layers: readonly LayerMemory[];
  readonly final: number;
  readonly finalStats: number;
  readonly finalNorm: number;
  readonly logits: number;
  /** Present when training. */
  readonly dHidden: number;
  readonly dResidual: number;
  readonly dExpanded: number;
  readonly dQkv: number;
  readonly dScores: number;
}

export interface Layout {
  readonly model: ModelSpec;
  readonly training: boolean;
  readonly lanes: number;
  readonly microBatchRows: number;
  readonly microBatches: number;
  /** Floats of the flat parameter array, each tensor padded to 16 floats. */
  readonly floats: number;
  /** Offset of each tensor in it, in floats. */
  readonly tensorOffsets: ReadonlyMap<string, number>;
  readonly chunks: readonly Chunk[];
  /** Row stride of logits: the vocabulary rounded up to 8. */
  readonly logitsStride: number;
  /** Row stride of attention probabilities: the context rounded up to 4. */
  readonly probabilityStride: number;
  readonly losses: number;
  readonly norms: number;
  readonly tokens: number;
  readonly targets: number;
  readonly parameters: number;
  readonly firstMoments: number;
  readonly secondMoments: number;
  readonly gradients: readonly number[];
  readonly threads: readonly ThreadMemory[];
  readonly totalBytes: number;
}

export function planLayout(options: BackendOptions): Layout {
  const { model, lanes, threads } = options;
  const { layers, width, heads, context, vocabularySize } = model.sizes;
  const training = options.batchRows > 0;
  const microBatchRows = training ? options.microBatchRows : 1;
  const microBatches = Math.max(1, Math.ceil(options.batchRows / microBatchRows));
  const rows = microBatchRows * context;

  const tensorOffsets = new Map<string, number>();
  const chunks: Chunk[] = [];
  let floats = 0;
  for (const tensor of model.tensors) {
    const padded = roundUp(countOf(tensor.shape), 16);
    tensorOffsets.set(tensor.name, floats);
    for (let start = 0; start < padded; start += chunkFloats) {
      const count = Math.min(chunkFloats, padded - start);
      chunks.push({ offset: floats + start, count, decayed: isDecayed(tensor) });
    }
    floats += padded;
  }

  // The first page stays free for the module's own constants.
  let end = 65536;
  const take = (bytes: number): number => {
    const address = end;
    end += roundUp(bytes, 64);
    return address;
  };
  const takeFloats = (count: number): number => take(count * 4);
  const logitsStride = roundUp(vocabularySize, 8);
  const probabilityStride = roundUp(context, 4);

  const losses = take(microBatches * 8);
  const norms = take(chunks.length * 8);
  const tokens = take(microBatches * rows * 4);
  const targets = take(microBatches * rows * 4);
  const parameters = takeFloats(floats);
  const firstMoments = training ? takeFloats(floats) : 0;
  const secondMoments = training ? takeFloats(floats) : 0;
  const gradients = training ? Array.from({ length: lanes }, () => takeFloats(floats)) : [];

  const takeLayer = (): LayerMemory => ({
    input: takeFloats(rows * width),
    norm1: takeFloats(rows * width),
    stats1: takeFloats(rows * 2),
    qkv: takeFloats(rows * 3 * width),
    probabilities: takeFloats(microBatchRows * heads * probabilityStride * probabilityStride),
    attended: takeFloats(rows * width),
    middle: takeFloats(rows * width),
    norm2: takeFloats(rows * width),
    stats2: takeFloats(rows * 2),
    expanded: takeFloats(rows * 4 * width),
    activated: takeFloats(rows * 4 * width),
  });
  const takeThread = (): ThreadMemory => {
    const widest = Math.max(logitsStride, 4 * width, probabilityStride);
    const workspace = take(256 + (384 * 256 + 256 * roundUp(widest, 8)) * 4);
    const first = takeLayer();
    // Inference keeps only q, k and v of each layer (the cache of generation); the rest is used again.
    const others = Array.from({ length: layers - 1 }, () =>
      training ? takeLayer() : { ...first, qkv: takeFloats(rows * 3 * width) },
    );
    return {
      workspace,
      layers: [first, ...others],
      final: takeFloats(rows * width),
      finalStats: takeFloats(rows * 2),
      finalNorm: takeFloats(rows * width),
      logits: takeFloats(rowsOfLogits * logitsStride),
      dHidden: training ? takeFloats(rows * width) : 0,
      dResidual: training ? takeFloats(rows * width) : 0,
      dExpanded: training ? takeFloats(rows * 4 * width) : 0,
      dQkv: training ? takeFloats(rows * 3 * width) : 0,
      dScores: training ? takeFloats(48 * probabilityStride) : 0,
    };
  };
  return {
    model,
    training,
    lanes,
    microBatchRows,
    microBatches,
    floats,
    tensorOffsets,
    chunks,
    logitsStride,
    probabilityStride,
    losses,
    norms,
    tokens,
    targets,
    parameters,
    firstMoments,
    secondMoments,
    gradients,
    threads: Array.from({ length: threads }, takeThread),
    totalBytes: end,
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
