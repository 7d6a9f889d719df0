/** How many bytes of text each token stands for: what bits per byte needs. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const tokenizerSchema = z.looseObject({
  model: z.looseObject({ vocab: z.record(z.string(), z.int()) }),
  added_tokens: z.array(z.looseObject({ id: z.int() })).default([]),
});

/**
 * Reads a byte-level BPE tokenizer.json, where each character of a token's name is one byte. Special tokens stand for
 * no text: 0.
 */
export async function readTokenBytes(folder: string): Promise<(token: number) => number> {
  const { model, added_tokens: added } = tokenizerSchema.parse(
    JSON.parse(await readFile(join(folder, "tokenizer.json"), "utf8")),
  );
  const bytes = new Map(Object.entries(model.vocab).map(([name, id]) => [id, Array.from(name).length]));
  for (const { id } of added) bytes.set(id, 0);
  return (token) => bytes.get(token) ?? 0;
}
