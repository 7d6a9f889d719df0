/**
 * Documents without text, for deduplication at any size: clusters, exact copies, hubs and chains whose truth is known.
 *
 * A document's "text" is twelve bytes that say what it is; the kernels here read them and give the band keys and n-gram
 * sets that such a document would have. Everything else is the real thing. Members of a family lie far apart in the
 * input, and keep order among them is that of their ids, which are scrambled numbers.
 */
import type { RecordBatch } from "apache-arrow";
import { DocumentBatchBuilder } from "../../schemas/record/document.ts";
import type { Decisions, DedupKernels, DedupPartition } from "../../forge/dedup/index.ts";
import { loadKernels, type TextColumn } from "../../forge/kernels/index.ts";

/**
 * `cluster`: each is like each (true Jaccard 0.818 or 0.905). `copies`: equal bytes. `hub`: one band key in common, no
 * n-gram. `chain`: each is like the next (0.818), not like the one after (0.667). `single`: like none.
 */
const kinds = ["single", "cluster", "copies", "hub", "chain"] as const;
type Kind = (typeof kinds)[number];

/** So many families of so many members each. */
export interface PlantedPart {
  readonly kind: Exclude<Kind, "single">;
  readonly families: number;
  readonly size: number;
}

/** Clusters up to a hundredth of the documents, hubs and a chain as large, copies; three fifths are single. */
export function plantedParts(documents: number): readonly PlantedPart[] {
  const parts = (kind: PlantedPart["kind"], share: number, size: number): PlantedPart => ({
    kind,
    families: Math.max(1, Math.round((documents * share) / size)),
    size: Math.max(2, Math.round(size)),
  });
  const large = documents / 100;
  return [
    parts("cluster", 0.01, large),
    parts("cluster", 0.02, large / 10),
    parts("cluster", 0.02, large / 100),
    parts("cluster", 0.1, 4),
    parts("copies", 0.01, large),
    parts("copies", 0.1, 5),
    parts("hub", 0.02, large),
    parts("chain", 0.01, large),
    parts("chain", 0.02, 100),
  ];
}

export interface PlantedCorpus {
  readonly documents: number;
  readonly partitions: readonly DedupPartition[];
  readonly kernels: DedupKernels;
  /** Compares the decisions of all partitions with what was planted; returns what is wrong, at most a few lines. */
  readonly check: (decisions: (partition: number) => Promise<Decisions>) => Promise<PlantedCheck>;
}

export interface PlantedCheck {
  readonly problems: readonly string[];
  readonly kept: number;
  readonly near: number;
  readonly exact: number;
}

const shingleCount = 20;
const bytesPerText = 12;

/** Plants a corpus; `partitions` and `batchRows` never matter to the truth. */
export async function plantCorpus(
  documents: number,
  options: { readonly partitions: number; readonly batchRows?: number },
): Promise<PlantedCorpus> {
  const { partitions: count, batchRows = 8192 } = options;
  const layout = layOut(documents);
  const partitions = Array.from({ length: count }, (_, index): DedupPartition => ({
    key: `planted-${index}`,
    sourceRank: 0,
    scope: 0,
    // eslint-disable-next-line @typescript-eslint/require-await -- partitions are asynchronous, this one needs not be
    async *open() {
      const rows = Math.ceil((documents - index) / count);
      for (let start = 0; start < rows; start += batchRows) {
        yield makeBatch(layout, index, count, start, Math.min(rows, start + batchRows));
      }
    },
  }));
  return {
    documents,
    partitions,
    kernels: plantedKernels(await loadKernels()),
    check: async (decisions) => await check(layout, count, decisions),
  };
}

interface Layout {
  readonly documents: number;
  /** First document of each part, ascending; what follows the last part is single. */
  readonly starts: readonly number[];
  readonly parts: readonly PlantedPart[];
}

function layOut(documents: number): Layout {
  const parts = plantedParts(documents);
  const starts = [0];
  for (const { families, size } of parts) starts.push((starts.at(-1) as number) + families * size);
  if ((starts.at(-1) as number) > documents) throw new Error(`${documents} documents are too few to plant anything`);
  return { documents, starts, parts };
}

interface Planted {
  readonly kind: Kind;
  /** Unique over all kinds: its first document. */
  readonly family: number;
  readonly member: number;
  readonly size: number;
}

function describe({ starts, parts }: Layout, document: number): Planted {
  let part = 0;
  while (part < parts.length && document >= (starts[part + 1] as number)) part++;
  const found = parts[part];
  if (found === undefined) return { kind: "single", family: document, member: 0, size: 1 };
  const within = document - (starts[part] as number);
  const member = within % found.size;
  return { kind: found.kind, family: document - member, member, size: found.size };
}

function makeBatch(layout: Layout, partition: number, count: number, start: number, end: number): RecordBatch {
  const builder = new DocumentBatchBuilder();
  const id = Buffer.alloc(32);
  const text = new Uint8Array(bytesPerText);
  const view = new DataView(text.buffer);
  for (let row = start; row < end; row++) {
    const document = row * count + partition;
    const { kind, family, member } = describe(layout, document);
    view.setUint32(0, family, true);
    view.setUint32(4, kind === "copies" ? 0 : member, true);
    view.setUint32(8, kinds.indexOf(kind), true);
    writeId(id, document);
    const { columns } = builder;
    columns.id.append(id);
    columns.text.append(text);
    for (const name of ["url", "date", "language", "meta"] as const) columns[name].appendNull();
    columns.source.append(text, 0, 0);
  }
  return builder.finish();
}

const digits = Buffer.from("0123456789abcdef", "latin1");

/** The id's first word is the scrambled number, so ids are spread and can be read back. */
function writeId(target: Buffer, document: number): void {
  const words = [scramble(document), Math.imul(document, 0x9e37_79b1) >>> 0, document, 0];
  for (const [index, word] of words.entries()) {
    for (let digit = 0; digit < 8; digit++) {
      target[8 * index + digit] = digits[(word >>> (28 - 4 * digit)) & 15] as number;
    }
  }
}

/** A bijection of 32-bit words. */
function scramble(value: number): number {
  let word = value ^ (value >>> 16);
  word = Math.imul(word, 0x85eb_ca6b);
  word ^= word >>> 13;
  word = Math.imul(word, 0xc2b2_ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

function plantedKernels(real: DedupKernels): DedupKernels {
  return {
    countCodePoints: (column) => real.countCodePoints(column),
    hashTexts: (column) => real.hashTexts(column),
    jaccard: (sets, i, other, j) => real.jaccard(sets, i, other, j),
    normalizeForDedup: (column) => column,
    // What a document is, instead of its minima: `bandKeys` needs no more.
    signMinHash: (column) => ({
      signatures: Uint32Array.from({ length: 3 * column.length }, (_, i) => wordAt(column, Math.floor(i / 3), i % 3)),
      shingleCounts: new Uint32Array(column.length).fill(shingleCount),
    }),
    bandKeys(signatures, length, { bands }) {
      const keys = new Uint32Array(2 * length * bands);
      for (let i = 0; i < length; i++) {
        const family = signatures[3 * i] as number;
        const member = signatures[3 * i + 1] as number;
        const kind = kinds[signatures[3 * i + 2] as number] as Kind;
        for (let band = 0; band < bands; band++) {
          keys[2 * (i * bands + band)] = scramble(family ^ Math.imul(band + 1, 0x9e37_79b1));
          keys[2 * (i * bands + band) + 1] = bucketOf(kind, member, band);
        }
      }
      return keys;
    },
    shingleSets(column) {
      const offsets = Uint32Array.from({ length: column.length + 1 }, (_, i) => i * shingleCount);
      const hashes = new Uint32Array(2 * shingleCount * column.length);
      const set = new Uint32Array(shingleCount);
      for (let i = 0; i < column.length; i++) {
        const family = wordAt(column, i, 0);
        fillSet(set, kinds[wordAt(column, i, 2)] as Kind, wordAt(column, i, 1));
        for (const [at, low] of set.sort().entries()) {
          hashes[2 * (i * shingleCount + at)] = low;
          hashes[2 * (i * shingleCount + at) + 1] = family;
        }
      }
      return { hashes, offsets };
    },
  };
}

/** Members of a family with the same number share a bucket of the band. */
function bucketOf(kind: Kind, member: number, band: number): number {
  if (kind === "cluster" || kind === "copies") return 0;
  if (kind === "hub") return band === 0 ? 0 : member;
  // Neighbours of a chain meet in every other band.
  return kind === "chain" ? (member + (band & 1)) >>> 1 : member;
}

function fillSet(set: Uint32Array, kind: Kind, member: number): void {
  // A cluster's members share all but one n-gram, a chain's neighbours all but two.
  const first = kind === "chain" ? 2 * member : kind === "cluster" ? 0 : shingleCount * member;
  for (let i = 0; i < shingleCount; i++) set[i] = first + i;
  if (kind === "cluster") set[member % shingleCount] = shingleCount + member;
}

function wordAt({ values, offsets }: TextColumn, text: number, word: number): number {
  const at = (offsets[text] as number) + 4 * word;
  return (
    ((values[at] as number) |
      ((values[at + 1] as number) << 8) |
      ((values[at + 2] as number) << 16) |
      ((values[at + 3] as number) << 24)) >>>
    0
  );
}

async function check(
  layout: Layout,
  count: number,
  decisions: (partition: number) => Promise<Decisions>,
): Promise<PlantedCheck> {
  const { documents } = layout;
  const problems: string[] = [];
  const complain = (problem: string): void => void (problems.length < 8 && problems.push(problem));
  const isKept = expectKept(layout);
  const figures = { kept: 0, near: 0, exact: 0 };
  let stoodFor = 0;
  for (let partition = 0; partition < count; partition++) {
    const found = await decisions(partition);
    for (let row = 0; row < found.length; row++) {
      const document = row * count + partition;
      const { kind, family } = describe(layout, document);
      const reason = found.reason(row);
      stoodFor += found.clusterSize(row);
      if (parseId(found.id(row)) !== document) complain(`row ${row} of ${partition} is another document`);
      if ((reason === undefined) !== (isKept[document] === 1)) {
        complain(`${kind} ${document} of ${family} should ${isKept[document] === 1 ? "" : "not "}be kept`);
      }
      if (reason === undefined) {
        figures.kept++;
        continue;
      }
      figures[reason === "exact-duplicate" ? "exact" : "near"]++;
      if (reason !== (kind === "copies" ? "exact-duplicate" : "near-duplicate")) complain(`${document}: ${reason}`);
      const partner = parseId(found.partner(row) ?? "");
      if (isKept[partner] !== 1) complain(`the partner ${partner} of ${document} is not kept`);
      if (describe(layout, partner).family !== family) complain(`the partner ${partner} of ${document} is a stranger`);
      const least = kind === "copies" ? 1 : 18 / 22;
      if ((found.jaccard(row) ?? 0) < least) complain(`${document} has the Jaccard ${found.jaccard(row)}`);
    }
  }
  if (figures.kept + figures.near + figures.exact !== documents) complain("documents are lost");
  if (stoodFor !== documents) complain(`clusters hold ${stoodFor} documents`);
  return { problems, ...figures };
}

/** Of clusters and copies the smallest id stays; a chain loses whoever has a neighbour that is kept already. */
function expectKept(layout: Layout): Uint8Array {
  const { documents, starts, parts } = layout;
  const isKept = new Uint8Array(documents).fill(1);
  for (const [index, { kind, families, size }] of parts.entries()) {
    if (kind === "hub") continue;
    for (let family = 0; family < families; family++) {
      const first = (starts[index] as number) + family * size;
      const members = Array.from({ length: size }, (_, i) => first + i).sort((a, b) => scramble(a) - scramble(b));
      isKept.fill(0, first, first + size);
      for (const [position, member] of members.entries()) {
        const like = (other: number): boolean => other >= first && other < first + size && isKept[other] === 1;
        const isLost = kind === "chain" ? like(member - 1) || like(member + 1) : position > 0;
        if (!isLost) isKept[member] = 1;
      }
    }
  }
  return isKept;
}

function parseId(id: string): number {
  return Number.parseInt(id.slice(16, 24), 16);
}
