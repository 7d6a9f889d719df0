/** The shared corpus as the kernels get it: columns of a few megabytes; and the fixed samples of rows with slow peers. */
import { loadKernels, type TextColumn } from "../../../forge/kernels/index.ts";
import { sharedCorpus } from "../harness.ts";

/** Batches of the pipe hold a few megabytes. */
export const batchMegabytes = 4;

/** Whole lines in chunks of about the batch size. */
export function chunksOf(corpus: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let start = 0;
  while (start < corpus.length) {
    const end = corpus.lastIndexOf(10, Math.min(corpus.length, start + batchMegabytes * 1e6) - 1) + 1;
    if (end <= start) break;
    chunks.push(corpus.subarray(start, end));
    start = end;
  }
  return chunks;
}

/** Texts of the corpus' first `megabytes`; undefined where there is no corpus. */
export async function textBatches(megabytes: number): Promise<readonly TextColumn[] | undefined> {
  const corpus = sharedCorpus(megabytes);
  if (corpus === undefined) return undefined;
  const kernels = await loadKernels();
  return chunksOf(corpus).map((chunk) => {
    const { columns } = kernels.extractJsonLines(chunk, { fields: ["text"], maxRecordBytes: 2 ** 24, final: true });
    return columns.get("text") as TextColumn;
  });
}

export function megabytesOf(batches: readonly TextColumn[]): number {
  return (
    batches.reduce((sum, { offsets, length }) => sum + (offsets[length] as number) - (offsets[0] as number), 0) / 1e6
  );
}

/** The parts on which a row with a slow peer runs. */
export interface CorpusParts {
  /** The first documents with together at most 6 MB of text. */
  readonly sample: readonly TextColumn[];
  /** The same of 12 MB. */
  readonly double: readonly TextColumn[];
  readonly whole: readonly TextColumn[];
}

export async function corpusParts(): Promise<CorpusParts | undefined> {
  const whole = await textBatches(Number.POSITIVE_INFINITY);
  if (whole === undefined) return undefined;
  return { whole, sample: firstBytes(whole, 6e6), double: firstBytes(whole, 12e6) };
}

function firstBytes(batches: readonly TextColumn[], limit: number): TextColumn[] {
  const parts: TextColumn[] = [];
  let left = limit;
  for (const { values, offsets, length } of batches) {
    let rows = 0;
    while (rows < length && (offsets[rows + 1] as number) - (offsets[0] as number) <= left) rows++;
    if (rows > 0) parts.push({ values, offsets: offsets.subarray(0, rows + 1), length: rows });
    if (rows < length) break;
    left -= (offsets[rows] as number) - (offsets[0] as number);
  }
  return parts;
}

/** Every `step`-th document of the corpus, as one column: the sample of the compatibility run. */
export function everyNth(batches: readonly TextColumn[], step: number): TextColumn {
  const texts = batches.flatMap(bytesOfTexts).filter((_, i) => i % step === 0);
  return oneColumn(texts);
}

/** Batches joined into one column. */
export function oneBatch(batches: readonly TextColumn[]): TextColumn {
  return oneColumn(batches.flatMap(bytesOfTexts));
}

/** Texts as strings, for peers. */
export function stringsOf(batches: readonly TextColumn[]): string[] {
  return batches.flatMap(bytesOfTexts).map((bytes) => Buffer.from(bytes).toString());
}

function oneColumn(texts: readonly Uint8Array[]): TextColumn {
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, text] of texts.entries()) offsets[i + 1] = (offsets[i] as number) + text.length;
  return { values: new Uint8Array(Buffer.concat(texts)), offsets, length: texts.length };
}

function bytesOfTexts({ values, offsets, length }: TextColumn): Uint8Array[] {
  return Array.from({ length }, (_, i) => values.subarray(offsets[i], offsets[i + 1]));
}
