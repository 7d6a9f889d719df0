/**
 * Rows of the text kernels: JSON Lines, decontamination. One thread, the shared corpus.
 *
 * `decontaminate` runs against its plain twin, `jsonl-extract` against JSON.parse and encodeInto.
 */
import { random } from "../../../forge/base/random.ts";
import { loadKernels, type TextColumn } from "../../../forge/kernels/index.ts";
import { NgramIndex, type NgramHits } from "../../../forge/kernels/ngram-index.ts";
import { missingCorpus, sharedCorpus, type BenchRow } from "../harness.ts";
import { batchMegabytes, chunksOf, megabytesOf, textBatches } from "./corpus.ts";

const megabytes = 24;
/** n-grams in the index of `decontaminate`. */
const indexed = 10_000_000;

export const jsonlExtract: BenchRow = {
  name: "jsonl-extract",
  unit: "MB/s",
  async prepare() {
    const corpus = sharedCorpus(megabytes);
    if (corpus === undefined) return missingCorpus;
    const kernels = await loadKernels({ implementation: "wasm" });
    const chunks = chunksOf(corpus);
    const decoder = new TextDecoder("utf-8", { fatal: true });
    const encoder = new TextEncoder();
    const target = new Uint8Array(batchMegabytes * 1e6);
    /** Bytes of all texts of a chunk, by JSON.parse. */
    const parse = (chunk: Uint8Array): number => {
      let written = 0;
      for (let start = 0; start < chunk.length;) {
        const end = chunk.indexOf(10, start);
        const { text } = JSON.parse(decoder.decode(chunk.subarray(start, end))) as { text: string };
        written += encoder.encodeInto(text, target.subarray(written)).written;
        start = end + 1;
      }
      return written;
    };
    const extract = (chunk: Uint8Array): Uint8Array =>
      (
        kernels
          .extractJsonLines(chunk, { fields: ["text"], maxRecordBytes: 2 ** 24, final: true, borrow: true })
          .columns.get("text") as TextColumn
      ).values;
    return {
      amount: chunks.reduce((sum, chunk) => sum + chunk.length, 0) / 1e6,
      ours: { name: "wasm", run: () => chunks.forEach(extract) },
      peer: { name: "JSON.parse + encodeInto", run: () => chunks.forEach(parse) },
      verify: () =>
        chunks.every((chunk) => {
          const written = parse(chunk);
          return Buffer.compare(extract(chunk), target.subarray(0, written)) === 0;
        }),
    };
  },
};

export const decontaminate: BenchRow = {
  name: "decontaminate",
  unit: "MB/s",
  async prepare() {
    const batches = await textBatches(megabytes);
    if (batches === undefined) return missingCorpus;
    const [fast, twin] = [
      await loadKernels({ implementation: "wasm" }),
      await loadKernels({ implementation: "reference" }),
    ];
    const index = NgramIndex.create(indexed + 10_000);
    const stream = random("decontaminate");
    const foreign = Uint32Array.from({ length: 2 * indexed }, () => stream.uint32());
    index.add({ hashes: foreign, offsets: Int32Array.of(0, indexed) }, [0]);
    // One planted document, so that the check has something to find.
    const planted = batches[0] as TextColumn;
    index.add(fast.shingles({ ...planted, length: 1 }, 13), [1]);
    let ours: NgramHits[] = [];
    let theirs: NgramHits[] = [];
    const all = (hits: readonly NgramHits[]): string =>
      JSON.stringify(hits.map(({ texts, positions }) => [texts, positions]));
    return {
      amount: megabytesOf(batches),
      ours: {
        name: "wasm",
        run: () => void (ours = batches.map((batch) => index.lookup(fast.shingles(batch, 13, { borrow: true })))),
      },
      peer: {
        name: "plain twin",
        run: () => void (theirs = batches.map((batch) => index.lookup(twin.shingles(batch, 13)))),
      },
      verify: () => (ours[0]?.texts.length ?? 0) > 0 && all(ours) === all(theirs),
    };
  },
};
