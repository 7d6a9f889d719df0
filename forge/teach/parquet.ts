/**
 * Writes answers as Parquet with parquetjs-lite, behind a guard against its traps:
 *
 * - statistics are off: it orders strings by UTF-16 units, and readers then drop rows when they filter;
 * - appends run one after the other in one chain: its own `appendRow` duplicates rows when not awaited;
 * - no stream of its own: its writes are not awaited, so a full disk would end the process. Bytes are gathered and go
 *   out through our atomic file, where a fault reaches the caller;
 * - it throws strings: they become errors; rows are checked by the schema before they reach it.
 *
 * GZIP is its only good codec. Memory: one part (`rowsPerPart` rows).
 */
import { createAtomicFile, type FileDigest } from "../base/index.ts";
import { answerSchema, type Answer } from "../../schemas/record/answer.ts";

const text = { type: "UTF8", statistics: false, compression: "GZIP" } as const;
const number = { type: "DOUBLE", statistics: false, compression: "GZIP" } as const;
const integer = { type: "INT64", statistics: false, compression: "GZIP" } as const;
const flag = { type: "BOOLEAN", statistics: false, compression: "GZIP" } as const;
const optional = <T extends object>(column: T): T & { optional: true } => ({ ...column, optional: true });
/** The three-level list of the Parquet format, which parquetjs-lite wants spelt out. */
const list = (element: object): object => ({
  type: "LIST",
  optional: true,
  statistics: false,
  fields: { list: { repeated: true, statistics: false, fields: { element } } },
});

/** Columns in the order of the file. A type per column of `Answer`: a missing one does not compile. */
const columns: Record<keyof Answer, object> = {
  id: text,
  query_id: text,
  collection: text,
  task: text,
  query: text,
  gold: optional(text),
  system_id: text,
  system_teacher: text,
  system_student: text,
  messages: text,
  messages_sha256: text,
  sample: integer,
  seed: integer,
  thinking: optional(text),
  steps: list(optional(text)),
  answer: text,
  final_answer: optional(text),
  raw: text,
  done_reason: optional(text),
  provider: text,
  model: text,
  model_digest: optional(text),
  server_version: optional(text),
  options: text,
  origin: text,
  prompt_tokens: optional(integer),
  answer_tokens: optional(integer),
  queue_ms: optional(number),
  load_ms: optional(number),
  prompt_ms: optional(number),
  answer_ms: optional(number),
  attempts: integer,
  checks: list({ optional: true, statistics: false, fields: { name: text, passed: flag, detail: text } }),
  accepted: flag,
  reason: optional(text),
  messages_student: text,
};

/** What we use of parquetjs-lite, which has no types. */
interface ParquetLibrary {
  readonly ParquetSchema: new (columns: object) => object;
  readonly ParquetWriter: {
    openStream(schema: object, stream: object, options: object): Promise<LibraryWriter>;
  };
}
interface LibraryWriter {
  appendRow(row: object): Promise<void>;
  close(): Promise<void>;
}

export interface AnswerWriter extends AsyncDisposable {
  readonly rows: number;
  /** Resolves when the row is taken. May be called without awaiting: rows keep the order of the calls. */
  append(row: Answer): Promise<void>;
  /** Finishes the file; it stands under its name from then on. */
  commit(): Promise<FileDigest>;
}

/** Opens one part. @throws EnvironmentError `disk-full` from `commit` */
export async function createAnswerWriter(path: string): Promise<AnswerWriter> {
  const library = await loadLibrary();
  const file = await createAtomicFile(path);
  const chunks: Uint8Array[] = [];
  const stream = {
    write: (chunk: Uint8Array, done: () => void) => {
      chunks.push(chunk);
      done();
    },
    end: (done: () => void) => done(),
  };
  // Column descriptions are written into by the library, so each writer gets its own copy.
  const schema = new library.ParquetSchema(structuredClone(columns));
  const writer = await guarded(library.ParquetWriter.openStream(schema, stream, { pageIndex: false }));
  let chain: Promise<void> = Promise.resolve();
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    append(row) {
      const shaped = shapeRow(answerSchema.parse(row));
      rows++;
      chain = chain.then(() => guarded(writer.appendRow(shaped)));
      return chain;
    },
    async commit() {
      await chain;
      await guarded(writer.close());
      for (const chunk of chunks) await file.write(chunk);
      return await file.commit();
    },
    async [Symbol.asyncDispose]() {
      await chain.catch(() => undefined);
      await file[Symbol.asyncDispose]();
    },
  };
}

/** Nulls are left out, lists get their three levels. */
function shapeRow(row: Answer): object {
  const shaped = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
  return {
    ...shaped,
    steps: { list: row.steps.map((element) => ({ element })) },
    checks: { list: row.checks.map((element) => ({ element })) },
  };
}

async function loadLibrary(): Promise<ParquetLibrary> {
  // @ts-expect-error -- parquetjs-lite has no types; `ParquetLibrary` states what is used of it
  return ((await import("parquetjs-lite")) as { default: ParquetLibrary }).default;
}

async function guarded<T>(promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw error instanceof Error ? error : new Error(`parquetjs-lite: ${String(error)}`, { cause: error });
  }
}
