/**
 * Rows of the text kernels: MinHash signatures, JSON Lines, decontamination. One thread, the shared corpus.
 *
 * `minhash-signature` and `decontaminate` run against their plain twins; datatrove is not run here, its published and
 * measured figures stand in docs/benchmarks. `jsonl-extract` runs against JSON.parse and encodeInto.
 */
import { random } from "../../../forge/base/random.ts";
import { loadKernels, NgramIndex, type NgramHits, type TextColumn } from "../../../forge/kernels/index.ts";
import { missingCorpus, sharedCorpus, type BenchRow } from "../harness.ts";

/** Batches of the pipe hold a few megabytes. */
const batchMegabytes = 4;
const megabytes = 24;
/** n-grams in the index of `decontaminate`. */
const indexed = 10_000_000;

/** Whole lines in chunks of about the batch size. */
function chunksOf(corpus: Uint8Array): Uint8Array[] {
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

async function textBatches(): Promise<readonly TextColumn[] | undefined> {
  const corpus = sharedCorpus(megabytes);
  if (corpus === undefined) return undefined;
  const kernels = await loadKernels();
  return chunksOf(corpus).map((chunk) => {
    const { columns } = kernels.extractJsonLines(chunk, { fields: ["text"], maxRecordBytes: 2 ** 24, final: true });
    return columns.get("text") as TextColumn;
  });
}

function megabytesOf(batches: readonly TextColumn[]): number {
  return batches.reduce((sum, { values }) => sum + values.length, 0) / 1e6;
}

export const minhashSignature: BenchRow = {
  name: "minhash-signature",
  unit: "MB/s",
  async prepare() {
    const batches = await textBatches();
    if (batches === undefined) return missingCorpus;
    const [fast, twin] = [
      await loadKernels({ implementation: "wasm" }),
      await loadKernels({ implementation: "reference" }),
    ];
    let ours: Uint32Array[] = [];
    let theirs: Uint32Array[] = [];
    return {
      amount: megabytesOf(batches),
      ours: { name: "wasm", run: () => void (ours = batches.map((batch) => fast.signMinHash(batch).signatures)) },
      peer: {
        name: "plain twin",
        run: () => void (theirs = batches.map((batch) => twin.signMinHash(batch).signatures)),
      },
      missingPeer: "datatrove is not run by this row",
      verify: () => ours.every((signatures, i) => Buffer.compare(bytesOf(signatures), bytesOf(theirs[i])) === 0),
    };
  },
};

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
    const batches = await textBatches();
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
      ours: { name: "wasm", run: () => void (ours = batches.map((batch) => index.lookup(fast.shingles(batch, 13)))) },
      peer: {
        name: "plain twin",
        run: () => void (theirs = batches.map((batch) => index.lookup(twin.shingles(batch, 13)))),
      },
      verify: () => (ours[0]?.texts.length ?? 0) > 0 && all(ours) === all(theirs),
    };
  },
};

function bytesOf(array: Uint32Array | undefined): Uint8Array {
  return array === undefined ? new Uint8Array(0) : new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
