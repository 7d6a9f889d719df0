/**
 * What `ingest` read once need not be read again: when only filters changed, documents come back from the files that
 * it left, in their old order and as they were before any filter edited them, with the signals measured on that text.
 *
 * Kept documents lie where later stages want them, rejected ones in the output; `originals` holds the texts that line rules changed,
 * `fates` says for each row where it went. `store.json` is written last and names the others with their hashes, so a
 * half-replaced set is not used.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { Field, Float32, makeData, RecordBatch, Schema, Struct, Utf8, type Data } from "../../../schemas/arrow.ts";
import {
  documentTextColumns,
  float32Data,
  makeDocumentBatch,
  signalPrefix,
  Utf8ColumnBuilder,
  type DocumentTextColumn,
} from "../../../schemas/record/document.ts";
import { quarantineSchema } from "../../../schemas/record/reject.ts";
import {
  assert,
  digestFile,
  formatJson,
  openColumns,
  readJsonIfThere,
  utf8Column,
  writeColumns,
  writeFileAtomic,
  type FileDigest,
} from "../../base/index.ts";
import { textSignalNames, type KnownFacts } from "../../filter/index.ts";
import { openParquet } from "../../shard/index.ts";
import { readBatches } from "../batches.ts";
import { partitionFiles } from "../layout.ts";
import { rejectColumns } from "../parquet-columns.ts";
import type { Reading, ReadingCounts, TurnedAway } from "./reading.ts";

/** Where a row of the reading went. */
export const fate = { kept: 0, filtered: 1, refused: 2 } as const;
const fatesKind = "ingest-fates-1";

export const originalsSchema = new Schema([new Field("text", new Utf8(), false)]);

/** Fates of a split's rows while they are decided. */
export interface Fates {
  /** One of `fate` for each row, in the order of reading. */
  readonly fates: number[];
  /** 1 where the text before the edit stands in `originals`. */
  readonly edited: number[];
  /** Rows up to and with each batch. */
  readonly batchEnds: number[];
}

export async function writeFates(path: string, { fates, edited, batchEnds }: Fates): Promise<FileDigest> {
  return await writeColumns(path, fatesKind, {
    fates: Uint8Array.from(fates),
    edited: Uint8Array.from(edited),
    batchEnds: Uint32Array.from(batchEnds),
  });
}

const storeSchema = z.strictObject({
  version: z.literal(1),
  /** Hash of all that decided what was read. */
  readKey: z.string(),
  /** Hash of what decided which language a document has. */
  languageKey: z.string(),
  counts: z.record(z.string(), z.number()),
  files: z.record(z.string(), z.string()),
});
type Store = z.infer<typeof storeSchema>;

export interface StoreKeys {
  readonly readKey: string;
  readonly languageKey: string;
}

/** Says that a partition's files can be read again. Call when they all stand in their places. */
export async function writeStore(
  folder: string,
  partition: number,
  { readKey, languageKey }: StoreKeys,
  counts: ReadingCounts,
  files: readonly { readonly path: string; readonly sha256: string }[],
): Promise<FileDigest> {
  const store: Store = {
    version: 1,
    readKey,
    languageKey,
    counts: { ...counts },
    files: Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256])),
  };
  return await writeFileAtomic(join(folder, partitionFiles(partition).store), formatJson(store));
}

/** Whether the stored documents of a partition are those that these keys stand for; looks at no file but the store. */
export async function hasStore(folder: string, partition: number, readKey: string): Promise<boolean> {
  return (await readStore(folder, partition))?.readKey === readKey;
}

async function readStore(folder: string, partition: number): Promise<Store | undefined> {
  const json = await readJsonIfThere(join(folder, partitionFiles(partition).store)).catch(() => undefined);
  const parsed = storeSchema.safeParse(json);
  return parsed.success ? parsed.data : undefined;
}

/**
 * A partition's documents as they were read, or undefined when they must be read from the source.
 *
 * Languages are forgotten unless they were identified in the way that `languageKey` stands for.
 */
export async function openStored(
  folder: string,
  partition: number,
  keys: StoreKeys,
): Promise<AsyncGenerator<Reading, void, undefined> | undefined> {
  const store = await readStore(folder, partition);
  if (store === undefined || store.readKey !== keys.readKey) return undefined;
  for (const [path, sha256] of Object.entries(store.files)) {
    const found = await digestFile(join(folder, path)).catch(() => undefined);
    if (found?.sha256 !== sha256) return undefined;
  }
  return replay(folder, partition, store, store.languageKey === keys.languageKey);
}

async function* replay(
  folder: string,
  partition: number,
  store: Store,
  keepLanguages: boolean,
): AsyncGenerator<Reading, void, undefined> {
  const paths = partitionFiles(partition);
  const quarantined = (await readFile(join(folder, paths.quarantine), "utf8"))
    .split("\n")
    .filter((line) => line !== "");
  for (const line of quarantined) yield { quarantine: quarantineSchema.parse(JSON.parse(line)) };
  await using file = await openColumns(join(folder, paths.fates), fatesKind);
  const fates = await file.u8("fates");
  const edited = await file.u8("edited");
  const kept = new Rows(readBatches(join(folder, paths.documents)));
  // There is no file where nothing was rejected.
  const hasRejects = Object.hasOwn(store.files, paths.filteredParquet);
  const rejected = new Rows(readRejects(hasRejects ? join(folder, paths.filteredParquet) : undefined));
  const originals = new Rows(readBatches(join(folder, paths.originals)));
  let row = 0;
  let counts: ReadingCounts = store.counts;
  for (const end of await file.u32("batchEnds")) {
    const rebuilt = new BatchRebuilder();
    const turnedAway: TurnedAway[] = [];
    for (const start = row; row < end; row++) {
      const from = await (fates[row] === fate.kept ? kept : rejected).next();
      const text = edited[row] === 1 ? await originals.next() : from;
      rebuilt.append(from, text);
      if (fates[row] === fate.refused) turnedAway.push(refusal(from, row - start));
    }
    const { batch, bytes, identified } = rebuilt.finish();
    yield { batch, turnedAway, bytes, counts, ...(keepLanguages && { identified }) };
    // They are sums over the split: given with the first batch.
    counts = {};
  }
  for (const rows of [kept, rejected, originals]) {
    assert(await rows.ended(), "every stored document has its place in the order of reading");
  }
}

function refusal({ batch, row }: StoredRow, newRow: number): TurnedAway {
  const get = (name: string): unknown => batch.getChild(name)?.get(row);
  const value = get("value") as number | null;
  return { row: newRow, stage: String(get("stage")), reason: String(get("reason")), value: value ?? Number.NaN };
}

/** Rows of a file of rejects as batches: text columns and floats, as the file has them. */
async function* readRejects(path: string | undefined): AsyncGenerator<RecordBatch, void, undefined> {
  if (path === undefined) return;
  const file = await openParquet(path);
  for await (const rows of file.rowGroups()) {
    const columns = file.columns.map((name): readonly [Field, Data] => {
      if (!isText(name)) {
        const values = Float32Array.from(rows, (row) => (row[name] as number | null) ?? Number.NaN);
        return [new Field(name, new Float32(), true), float32Data(values)];
      }
      const builder = new Utf8ColumnBuilder();
      for (const row of rows) {
        const value = row[name] as string | null;
        if (value === null) builder.appendNull();
        else builder.append(Buffer.from(value, "utf8"));
      }
      return [new Field(name, new Utf8(), true), builder.finish()];
    });
    const schema = new Schema(columns.map(([field]) => field));
    const children = columns.map(([, data]) => data);
    const type = new Struct(schema.fields);
    yield new RecordBatch(schema, makeData({ type, length: rows.length, nullCount: 0, children }));
  }
}

function isText(column: string): boolean {
  return rejectColumns([]).some(({ name, type }) => name === column && type === "string");
}

interface StoredRow {
  readonly batch: RecordBatch;
  readonly row: number;
}

/** Rows of a file one after the other. */
class Rows {
  readonly #batches: AsyncIterator<RecordBatch>;
  #batch: RecordBatch | undefined;
  #row = 0;

  constructor(batches: AsyncIterable<RecordBatch>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  async next(): Promise<StoredRow> {
    const more = !(await this.ended());
    const batch = this.#batch;
    assert(more && batch !== undefined, "there is a stored document for every row that was read");
    return { batch, row: this.#row++ };
  }

  async ended(): Promise<boolean> {
    while (this.#batch === undefined || this.#row >= this.#batch.numRows) {
      const { value, done } = await this.#batches.next();
      if (done === true) return true;
      this.#batch = value;
      this.#row = 0;
    }
    return false;
  }
}

/** Builds a batch of documents from rows of others. */
class BatchRebuilder {
  readonly #columns = new Map(documentTextColumns.map((name) => [name, new Utf8ColumnBuilder()]));
  readonly #scores: number[] = [];
  readonly #signals = new Map<string, number[]>();
  readonly #languages: (string | null)[] = [];

  append(from: StoredRow, text: StoredRow): void {
    const score = numberAt(from, "languageScore");
    for (const [name, builder] of this.#columns) {
      if (name === "text") appendText(builder, text, name);
      // A score stands where the language was identified, not given.
      else if (name === "language" && !Number.isNaN(score)) builder.appendNull();
      else appendText(builder, from, name);
    }
    this.#scores.push(score);
    this.#languages.push((from.batch.getChild("language")?.get(from.row) ?? null) as string | null);
    for (const { name } of from.batch.schema.fields) {
      if (!isReusable(name)) continue;
      const column = this.#signals.get(name) ?? Array.from({ length: this.#scores.length - 1 }, () => Number.NaN);
      column.push(numberAt(from, name));
      this.#signals.set(name, column);
    }
    for (const column of this.#signals.values()) if (column.length < this.#scores.length) column.push(Number.NaN);
  }

  finish(): { readonly batch: RecordBatch; readonly bytes: number; readonly identified: KnownFacts["identified"] } {
    const length = this.#scores.length;
    const bytes = this.#columns.get("text")?.bytes ?? 0;
    const columns = Object.fromEntries([...this.#columns].map(([name, builder]) => [name, builder.finish()]));
    const batch = makeDocumentBatch(length, columns as Parameters<typeof makeDocumentBatch>[1], {
      signals: new Map(
        [...this.#signals].map(([name, values]) => [name.slice(signalPrefix.length), Float32Array.from(values)]),
      ),
    });
    return { batch, bytes, identified: { languages: this.#languages, scores: Float32Array.from(this.#scores) } };
  }
}

const reusable: ReadonlySet<string> = new Set(textSignalNames.map((name) => `${signalPrefix}${name}`));

/** Signals that depend on nothing but the text as it was read. */
function isReusable(name: string): boolean {
  return reusable.has(name);
}

function appendText(builder: Utf8ColumnBuilder, { batch, row }: StoredRow, name: DocumentTextColumn): void {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  if (batch.data.children[index]?.getValid(row) !== true) return builder.appendNull();
  const { values, offsets } = utf8Column(batch, name, "stored documents");
  builder.append(values, offsets[row], offsets[row + 1]);
}

function numberAt({ batch, row }: StoredRow, name: string): number {
  return (batch.getChild(name)?.get(row) as number | null | undefined) ?? Number.NaN;
}
