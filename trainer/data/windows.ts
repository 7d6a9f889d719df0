/**
 * Pretraining samples: contiguous windows of a token stream, `context` tokens and the one after.
 *
 * Shards are read as one stream. Windows cross document bounds: a document's end token stands between, and attention
 * is not cut there. The last `(tokens - 1) mod context` tokens of the stream belong to no window (`unusedTokens`).
 */
import { DataError } from "../../forge/base/errors.ts";
import type { SampleSource } from "./samples.ts";

export interface WindowSource extends SampleSource {
  readonly tokens: number;
  readonly unusedTokens: number;
}

/**
 * @param shards token arrays, in order
 * @throws DataError `too-few-tokens` when not even one window fits
 */
export function createWindows(
  shards: readonly (Uint16Array | Uint32Array)[],
  context: number,
  name: string = "the token shards",
): WindowSource {
  const starts: number[] = [];
  let tokens = 0;
  for (const shard of shards) {
    starts.push(tokens);
    tokens += shard.length;
  }
  const count = Math.floor((tokens - 1) / context);
  if (count < 1) {
    throw new DataError("too-few-tokens", `${name} hold ${tokens} tokens, one window needs ${context + 1}`, {
      file: name,
    });
  }
  const shardOf = (position: number): number => {
    let shard = starts.length - 1;
    while ((starts[shard] as number) > position) shard--;
    return shard;
  };
  return {
    count,
    maxLength: context,
    tokens,
    unusedTokens: tokens - 1 - count * context,
    lengthOf: () => context,
    write(index, into, targets, offset) {
      const begin = index * context;
      let shard = shardOf(begin);
      let position = begin - (starts[shard] as number);
      for (let i = 0; i <= context; i++) {
        while (position >= (shards[shard] as Uint16Array).length) {
          shard++;
          position = 0;
        }
        const token = (shards[shard] as Uint16Array)[position++] as number;
        if (i < context) into[offset + i] = token;
        if (i > 0) targets[offset + i - 1] = token;
      }
    },
  };
}
