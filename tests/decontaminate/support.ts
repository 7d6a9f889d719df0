/** Indexes and texts for tests of decontamination. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readShared } from "../../forge/base/index.ts";
import {
  findHits,
  openContaminationIndex,
  writeContaminationIndex,
  type ContaminationIndex,
  type EvaluationExample,
} from "../../forge/decontaminate/index.ts";
import { loadKernels, type TextColumn, type TextKernels } from "../../forge/kernels/index.ts";
import { random } from "../../forge/base/index.ts";

export const kernels = await loadKernels();

/** An example of the first set; parts are one text or several. */
export function example(
  id: string,
  parts: Partial<Record<"question" | "answer" | "passage", string | string[]>>,
): EvaluationExample {
  const listed = (texts: string | string[] | undefined): string[] => (texts === undefined ? [] : [texts].flat());
  return { set: 0, id, question: listed(parts.question), answer: listed(parts.answer), passage: listed(parts.passage) };
}

/** Writes an index and opens it as a worker does. */
export async function indexOf(
  examples: readonly EvaluationExample[],
  options: { readonly ngram?: number; readonly minWords?: number; readonly kernels?: TextKernels } = {},
): Promise<ContaminationIndex> {
  const folder = await mkdtemp(join(tmpdir(), "forge-index-"));
  try {
    await writeContaminationIndex(examples, folder, { ngram: 13, minWords: 4, sets: 1, kernels, ...options });
    return await openContaminationIndex((path) => readShared(join(folder, path)));
  } finally {
    await rm(folder, { recursive: true });
  }
}

export function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  return { values: new Uint8Array(Buffer.concat(parts)), offsets, length: texts.length };
}

/** Names of the examples with a hit, by text. */
export function found(texts: readonly string[], index: ContaminationIndex, using: TextKernels = kernels): string[][] {
  const hits = findHits(columnOf(texts), index, using);
  return texts.map((_, text) => {
    const names = [...hits.grams]
      .filter((_gram, i) => hits.texts[i] === text)
      .flatMap((gram) => [...index.units(gram)])
      .map((unit) => index.example(index.unit(unit).example).id);
    return [...new Set(names)].sort();
  });
}

/** Words that occur in no other series. */
export function series(name: string, count: number): string[] {
  const stream = random("series", name);
  return Array.from({ length: count }, (_, i) => {
    const letters = Array.from({ length: 4 }, () => String.fromCharCode(97 + stream.below(26))).join("");
    return `${name}${letters}${String.fromCharCode(97 + (i % 26))}`;
  });
}
