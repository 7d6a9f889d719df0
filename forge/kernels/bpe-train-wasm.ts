/**
 * Training byte-level BPE through WebAssembly: feeds texts to the counting kernel, then takes and merges pairs.
 *
 * Each trainer has an instance of its own. Its memory grows with the distinct pre-tokens (about 60 bytes each) and, when
 * merging, with the distinct pairs that ever come up; not with the text.
 */
import { EnvironmentError } from "../base/errors.ts";
import { learnMerges, type PairMerger, type TokenPair } from "./bpe-learn.ts";
import type { BpeTrainer, BpeTrainerOptions } from "./bpe-types.ts";
import { placeClasses } from "./bpe-wasm.ts";
import { bytesInAlphabetOrder } from "./byte-level.ts";
import type { KernelExports, KernelInstance } from "./instance.ts";
import { ownKernelInstance } from "./own-instance.ts";
import type { TextColumn } from "./types.ts";

type Numeric = (...values: readonly number[]) => number;

interface TrainExports extends KernelExports {
  readonly setBpeClasses: Numeric;
  readonly beginCounting: Numeric;
  readonly countPreTokens: Numeric;
  readonly beginMerges: Numeric;
  readonly nextPair: Numeric;
  readonly mergePair: Numeric;
}

/** Texts are copied in together up to so many bytes; a longer one makes the block grow. */
const blockBytes = 1 << 20;

/** Makes the fast trainer; undefined where it cannot run. */
export function createWasmBpeTrainer(options: BpeTrainerOptions): BpeTrainer | undefined {
  const instance = ownKernelInstance();
  if (instance === undefined) return undefined;
  const kernels = instance.exports as unknown as TrainExports;
  placeClasses(instance, kernels, { preTokenizer: "gpt2", normalForm: undefined });
  ensure(kernels.beginCounting());
  let block = instance.allocatePersistent(blockBytes);
  let room = blockBytes;
  return {
    add({ values, offsets, length }: TextColumn): void {
      for (let from = 0; from < length;) {
        const start = offsets[from] as number;
        let to = from + 1;
        while (to < length && (offsets[to + 1] as number) - start <= room) to++;
        const end = offsets[to] as number;
        if (end - start > room) {
          while (room < end - start) room *= 2;
          block = instance.allocatePersistent(room);
        }
        instance.memory().set(values.subarray(start, end), block);
        for (let i = from; i < to; i++) {
          const text = offsets[i] as number;
          ensure(kernels.countPreTokens(block + text - start, (offsets[i + 1] as number) - text));
        }
        from = to;
      }
    },
    train: () => learnMerges(mergerOf(instance, kernels, options), options),
  };
}

function mergerOf(
  instance: KernelInstance,
  kernels: TrainExports,
  { vocabularySize, minFrequency = 2 }: BpeTrainerOptions,
): PairMerger {
  const byteTokens = new Uint32Array(256);
  bytesInAlphabetOrder.forEach((byte, id) => (byteTokens[byte] = id));
  ensure(kernels.beginMerges(instance.placePersistent(byteTokens), vocabularySize, Math.max(1, minFrequency)));
  let taken = 0;
  return {
    next(): TokenPair | undefined {
      taken = kernels.nextPair() >>> 0;
      if (taken === 0) return undefined;
      const [right, left] = new Uint32Array(instance.memory().buffer, taken, 2) as unknown as [number, number];
      return { left, right };
    },
    merge: (_pair, result, bytes) => ensure(kernels.mergePair(taken, result, bytes)),
  };
}

function ensure(done: number): void {
  if (done !== 0) return;
  throw new EnvironmentError(
    "kernel-memory",
    "Training a tokenizer needs more than the 4 GiB that its kernel can have",
    {
      hint: "Train on a sample of the texts.",
    },
  );
}
