/**
 * A GGUF model in llama.cpp: tokenise, generate, and look at the next token's probabilities.
 *
 * It deals in token ids; chat formats stand in `chat.ts`. Calls on one model run one after the other: it holds one
 * sequence, whose cache is cut back to the common prefix by llama.cpp itself.
 */
import { availableParallelism } from "node:os";
import { open } from "node:fs/promises";
import type { LlamaContext, LlamaContextSequence, LlamaModel as NativeModel, Token } from "node-llama-cpp";
import { DataError, EnvironmentError, wrapFileError } from "../base/errors.ts";
import { openLlama } from "./load.ts";

export interface LoadLlamaOptions {
  /** @default 1 below 50 M parameters, where more threads only wait for each other, else the machine's cores */
  readonly threads?: number;
  /** Tokens the context holds. @default what the model was trained on, at most 4096 */
  readonly contextLength?: number;
  /**
   * Precision of the attention cache. `f32` takes the runtime's own rounding away, to compare a file with its source.
   * @default "f16", as llama.cpp's users have it
   */
  readonly cache?: "f16" | "f32";
  readonly signal?: AbortSignal;
}

export interface GenerateOptions {
  /** @default what is left of the context */
  readonly maxTokens?: number;
  /** 0 takes the most probable token each time. @default 0 */
  readonly temperature?: number;
  /** Seed of the sampling; without meaning at temperature 0. @default 0 */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  /** Called with each token as it comes, the closing one included. */
  readonly onToken?: (id: number) => void;
}

export interface Generation {
  /** Generated ids, with the end token last when `finish` is `stop`. */
  readonly tokens: readonly number[];
  /** The text of the tokens, without the end token. */
  readonly text: string;
  readonly finish: "stop" | "length";
}

/** A loaded model. Dispose it, or hold it with `await using`. */
export interface LlamaModel extends AsyncDisposable {
  readonly path: string;
  readonly threads: number;
  readonly parameters: number;
  readonly vocabularySize: number;
  readonly contextLength: number;
  /** Ids of a text. Marks such as `<|user|>` stay plain text unless `special` is true. */
  tokenize(text: string, options?: { readonly special?: boolean }): Uint32Array;
  /** Text of ids; special tokens are left out. */
  detokenize(ids: ArrayLike<number>): string;
  /** The id of a special token by its text, or undefined when the model has none such. */
  specialToken(text: string): number | undefined;
  /** True for tokens that end a generation. */
  isEnd(id: number): boolean;
  /** Goes on from the ids until an end token, `maxTokens` or the end of the context. */
  generate(ids: ArrayLike<number>, options?: GenerateOptions): Promise<Generation>;
  /** Natural logarithms of the next token's probabilities after the ids, one for each id of the vocabulary. */
  nextTokenLogProbs(ids: ArrayLike<number>): Promise<Float32Array>;
}

const smallModelParameters = 50_000_000;
const defaultContextLength = 4096;

/**
 * Loads a GGUF file.
 *
 * @throws EnvironmentError `llama-missing`, `llama-unusable`, `llama-memory`
 * @throws DataError `file-not-found`, `gguf-unloadable`
 * @example await using model = await loadLlama("model.gguf"); await model.generate(model.tokenize("Once"));
 */
export async function loadLlama(path: string, options: LoadLlamaOptions = {}): Promise<LlamaModel> {
  await checkMagic(path);
  const { module, llama } = await openLlama();
  const abort = options.signal === undefined ? {} : { loadSignal: options.signal };
  let model: NativeModel;
  try {
    model = await llama.loadModel({ modelPath: path, gpuLayers: 0, ...abort });
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof module.InsufficientMemoryError) throw outOfMemory(path, error);
    throw new DataError(
      "gguf-unloadable",
      `llama.cpp cannot load ${path}`,
      { file: path },
      {
        hint: "The file is damaged, or of an architecture that this llama.cpp does not know.",
        cause: error,
      },
    );
  }
  const parameters = countParameters(model);
  const threads = options.threads ?? (parameters < smallModelParameters ? 1 : availableParallelism());
  let context: LlamaContext;
  try {
    const contextSize = options.contextLength ?? Math.min(model.trainContextSize, defaultContextLength);
    context = await model.createContext({
      contextSize,
      threads: { ideal: threads, min: threads },
      sequences: 1,
      batchSize: Math.min(contextSize, 512),
      ...(options.cache === "f32"
        ? { flashAttention: false, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" }
        : {}),
    });
  } catch (error) {
    await model.dispose();
    options.signal?.throwIfAborted();
    throw outOfMemory(path, error);
  }
  return wrap({ path, model, context, sequence: context.getSequence(), threads, parameters });
}

interface Loaded {
  readonly path: string;
  readonly model: NativeModel;
  readonly context: LlamaContext;
  readonly sequence: LlamaContextSequence;
  readonly threads: number;
  readonly parameters: number;
}

function wrap({ path, model, context, sequence, threads, parameters }: Loaded): LlamaModel {
  // node-llama-cpp brands its token ids; ours are plain numbers.
  const native = (ids: ArrayLike<number>): Token[] => Array.from(ids) as Token[];
  // The native context is rounded up to whole pages; what the model was trained on is the true limit.
  const contextLength = Math.min(context.contextSize, model.trainContextSize);
  const vocabularySize = countTokens(model);
  let last: Promise<unknown> = Promise.resolve();
  /** Puts a call behind those that run: the sequence is one. */
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => undefined);
    return await mine;
  };
  const detokenize = (ids: ArrayLike<number>): string => model.detokenize(native(ids), false);
  return {
    path,
    threads,
    parameters,
    vocabularySize,
    contextLength,
    tokenize: (text, { special = false } = {}) => Uint32Array.from(model.tokenize(text, special)),
    detokenize,
    specialToken(text) {
      const ids = model.tokenize(text, true);
      return ids.length === 1 && model.isSpecialToken(ids[0]) ? ids[0] : undefined;
    },
    isEnd: (id) => model.isEogToken(id as Token),
    generate: async (ids, options = {}) =>
      await inTurn(async () => {
        const { temperature = 0, seed = 0, signal, onToken } = options;
        signal?.throwIfAborted();
        const maxTokens = Math.min(options.maxTokens ?? Infinity, contextLength - ids.length);
        const tokens: number[] = [];
        if (maxTokens <= 0) return { tokens, text: "", finish: "length" };
        await sequence.clearHistory();
        // Sampling from the whole distribution: no top-k or top-p unless somebody asks for it.
        const stream = sequence.evaluate(native(ids), { temperature, seed, topK: 0, topP: 1, yieldEogToken: true });
        for await (const token of stream) {
          signal?.throwIfAborted();
          tokens.push(token);
          onToken?.(token);
          if (model.isEogToken(token)) return { tokens, text: detokenize(tokens.slice(0, -1)), finish: "stop" };
          if (tokens.length >= maxTokens) break;
        }
        return { tokens, text: detokenize(tokens), finish: "length" };
      }),
    nextTokenLogProbs: async (ids) =>
      await inTurn(async () => {
        await sequence.clearHistory();
        const input = native(ids);
        const final = input.pop() as Token;
        const results = await sequence.controlledEvaluate([
          ...input,
          [final, { generateNext: { probabilities: true } }],
        ]);
        const logProbs = new Float32Array(vocabularySize).fill(-Infinity);
        for (const [id, probability] of results.at(-1)?.next.probabilities ?? []) logProbs[id] = Math.log(probability);
        return logProbs;
      }),
    async [Symbol.asyncDispose]() {
      await last;
      await context.dispose();
      await model.dispose();
    },
  };
}

/** Looks at the first bytes before llama.cpp does: its own reader prints warnings about what it cannot read. */
async function checkMagic(path: string): Promise<void> {
  const start = new DataView(new ArrayBuffer(8));
  try {
    await using file = await open(path, "r");
    await file.read(start, 0, 8, 0);
  } catch (error) {
    throw wrapFileError(error, path);
  }
  const version = start.getUint32(4, true);
  if (start.getUint32(0) === 0x47475546 && (version === 2 || version === 3)) return;
  throw new DataError("gguf-unloadable", `${path} is not a GGUF file of version 2 or 3`, { file: path, byteOffset: 0 });
}

function countParameters(model: NativeModel): number {
  const tensors = model.fileInfo.fullTensorInfo ?? model.fileInfo.tensorInfo ?? [];
  return tensors.reduce((sum, { dimensions }) => sum + dimensions.reduce<number>((n, size) => n * Number(size), 1), 0);
}

function countTokens(model: NativeModel): number {
  let count = 0;
  for (const _ of model.iterateAllTokens()) count++;
  return count;
}

function outOfMemory(path: string, error: unknown): EnvironmentError {
  return new EnvironmentError("llama-memory", `There is not enough memory to run ${path} in llama.cpp`, {
    hint: "Use a smaller model or type (q8_0), or a shorter context.",
    cause: error,
  });
}
