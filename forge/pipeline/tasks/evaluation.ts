/**
 * Reads evaluation sets: records of JSON Lines and Parquet files to examples with their texts, repaired and redacted as
 * documents are. A question with an e-mail address would not be found among documents whose addresses are placeholders.
 */
import type { EvaluationSet } from "../../../schemas/config/decontaminate.ts";
import { DataError } from "../../base/index.ts";
import type { EvaluationExample } from "../../decontaminate/index.ts";
import type { TextColumn, TextKernels } from "../../kernels/index.ts";
import { openSources, readObjects, type RemoteFile, type SourcesOptions } from "../../read/index.ts";
import { prepareTexts, type TextPreparation } from "./reading.ts";

/** A file of an evaluation set. */
export interface EvaluationFile {
  /** Index of the set in the config. */
  readonly set: number;
  readonly uri: string;
  readonly fingerprint: string;
  /** Of a file that is not on this machine. */
  readonly remote?: RemoteFile;
}

/** Examples whose texts are repaired at a time. */
const batchLength = 512;

/** Examples with their texts as the same texts would stand in a document. */
export async function* asDocuments(
  examples: AsyncIterable<EvaluationExample>,
  preparation: TextPreparation,
  kernels: TextKernels,
): AsyncGenerator<EvaluationExample, void, undefined> {
  const convert = (batch: readonly EvaluationExample[]): readonly EvaluationExample[] => {
    const texts = batch.flatMap(({ question, answer, passage }) => [...question, ...answer, ...passage]);
    const done = textsOf(prepareTexts(columnOf(texts), preparation, kernels).text);
    let next = 0;
    const take = ({ length }: readonly string[]): readonly string[] => done.slice(next, (next += length));
    return batch.map((example) => ({
      ...example,
      question: take(example.question),
      answer: take(example.answer),
      passage: take(example.passage),
    }));
  };
  let batch: EvaluationExample[] = [];
  for await (const example of examples) {
    batch.push(example);
    if (batch.length < batchLength) continue;
    yield* convert(batch);
    batch = [];
  }
  yield* convert(batch);
}

/**
 * Examples in the order of sets, files and records.
 *
 * @throws DataError `evaluation-field-missing` when no record of a file has a configured field: a misspelt name must not
 *   pass for a clean set
 */
export async function* readExamples(
  sets: readonly Pick<EvaluationSet, "name" | "fields">[],
  files: readonly EvaluationFile[],
  sources: SourcesOptions,
): AsyncGenerator<EvaluationExample, void, undefined> {
  const openSource = openSources(sources);
  for (const { set, uri, remote } of files) {
    const { name, fields } = sets[set] as Pick<EvaluationSet, "name" | "fields">;
    const wanted = {
      question: listed(fields.question),
      answer: listed(fields.answer),
      passage: listed(fields.passage),
    };
    const missing = new Set(Object.values(wanted).flat());
    const textsOf = (record: Record, names: readonly string[], row: number): string[] =>
      names.flatMap((field) => {
        const values = valuesAt(record, field.split("."));
        if (values.length > 0) missing.delete(field);
        return values.flatMap((value) => textsIn(value, { set: name, uri, field, row }));
      });
    let row = 0;
    for await (const record of readObjects(uri, { root: sources.root, openSource, ...(remote && { remote }) })) {
      const id = fields.id === undefined ? undefined : valuesAt(record, fields.id.split("."))[0];
      yield {
        set,
        id: typeof id === "string" || typeof id === "number" || typeof id === "bigint" ? String(id) : `${uri}#${row}`,
        question: textsOf(record, wanted.question, row),
        answer: textsOf(record, wanted.answer, row),
        passage: textsOf(record, wanted.passage, row),
      };
      row++;
    }
    if (row > 0 && missing.size > 0) {
      throw new DataError(
        "evaluation-field-missing",
        `No record of ${uri} (evaluation set ${name}) has the field ${[...missing].join(", ")}`,
        { file: uri },
        { hint: "Name the fields as the file has them, under decontaminate.sets[].fields; a.b reaches into objects." },
      );
    }
  }
}

type Record = Readonly<globalThis.Record<string, unknown>>;

function listed(names: string | readonly string[] | undefined): readonly string[] {
  if (names === undefined) return [];
  return typeof names === "string" ? [names] : names;
}

/** What stands at a dotted name; lists on the way are walked through. Nothing for null and what is not there. */
function valuesAt(value: unknown, path: readonly string[]): unknown[] {
  if (value === undefined || value === null) return [];
  const [name, ...rest] = path;
  if (name === undefined) return [value];
  if (Array.isArray(value)) return value.flatMap((one) => valuesAt(one, path));
  return typeof value === "object" ? valuesAt((value as Record)[name], rest) : [];
}

/** Texts of a value: itself, or all of a list. Numbers and truth values are no text: they stand everywhere. */
function textsIn(
  value: unknown,
  place: { readonly set: string; readonly uri: string; readonly field: string; readonly row: number },
): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap((one) => textsIn(one, place));
  if (typeof value !== "object" || value === null) return [];
  const { set, uri, field, row } = place;
  throw new DataError(
    "evaluation-field-nested",
    `The field ${field} of record ${row} of ${uri} (evaluation set ${set}) is an object`,
    { file: uri, row, column: field },
    { hint: `Name the field inside it: ${field}.${Object.keys(value)[0] ?? "text"}` },
  );
}

function columnOf(texts: readonly string[]): TextColumn {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.length;
  return { values: new Uint8Array(Buffer.concat(parts)), offsets, length: texts.length };
}

function textsOf({ values, offsets, length }: TextColumn): string[] {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  return Array.from({ length }, (_, i) => bytes.toString("utf8", offsets[i], offsets[i + 1]));
}
