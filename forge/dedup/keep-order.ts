/**
 * Keep order as words to sort by, the best document first. A total order, since it ends with the id, so it depends on
 * neither partitions nor workers.
 */
import type { RecordBatch } from "apache-arrow";
import { signalPrefix } from "../../schemas/record/document.ts";
import type { DedupConfig } from "../../schemas/config/dedup.ts";
import { signalColumn, utf8Column } from "../base/index.ts";
import { textLengths } from "./documents.ts";
import type { DedupPartition } from "./types.ts";

/**
 * Words of a batch's documents: 1 (existing corpora have 0), 0 (existing corpora have their rank), date where asked
 * for, source rank, quality where asked for, length.
 */
export function keepWords(batch: RecordBatch, partition: DedupPartition, config: DedupConfig): Uint32Array[] {
  const rows = batch.numRows;
  const words: Uint32Array[] = [new Uint32Array(rows).fill(1), new Uint32Array(rows)];
  if (config.keep === "newest") words.push(...dateWords(batch));
  words.push(new Uint32Array(rows).fill(partition.sourceRank));
  if (config.quality !== undefined) {
    words.push(descendingWords(signalColumn(batch, `${signalPrefix}${config.quality}`, partition.key)));
  }
  const lengths = textLengths(utf8Column(batch, "text", partition.key));
  words.push(lengths.map((bytes) => ~bytes >>> 0));
  return words;
}

/** How many words `keepWords` gives. */
export function keepWidth({ keep, quality }: DedupConfig): number {
  return 4 + (keep === "newest" ? 2 : 0) + (quality === undefined ? 0 : 1);
}

/** Days and milliseconds, later first; rows without a date last. */
function dateWords(batch: RecordBatch): [Uint32Array, Uint32Array] {
  const dates = batch.getChild("date");
  const days = new Uint32Array(batch.numRows).fill(0xffff_ffff);
  const milliseconds = new Uint32Array(batch.numRows).fill(0xffff_ffff);
  for (let row = 0; row < batch.numRows; row++) {
    const time = parseDate(dates?.get(row));
    if (time === undefined) continue;
    days[row] = ~Math.floor(time / dayMs) >>> 0;
    milliseconds[row] = ~(time % dayMs) >>> 0;
  }
  return [days, milliseconds];
}

const dayMs = 86_400_000;
const iso8601 = /^\d{4}(-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/;

/** Milliseconds since the year 0, UTC; undefined for what is no ISO 8601 date. A time without a zone counts as UTC. */
export function parseDate(value: unknown): number | undefined {
  if (typeof value !== "string" || !iso8601.test(value.trim())) return undefined;
  const text = value.trim().replace(" ", "T");
  const hasZone = !text.includes("T") || /(Z|[+-]\d{2}:?\d{2})$/.test(text);
  const time = Date.parse(hasZone ? text.replace(/([+-]\d{2})(\d{2})$/, "$1:$2") : `${text}Z`) - yearZero;
  return Number.isNaN(time) || time < 0 ? undefined : time;
}

const yearZero = Date.parse("0000-01-01T00:00:00Z");

/** Unsigned words that ascend as the floats descend; NaN comes last. */
function descendingWords(values: Float32Array): Uint32Array {
  const words = new Uint32Array(values.slice().buffer);
  return words.map((word, i) => {
    const value = values[i] as number;
    if (Number.isNaN(value)) return 0xffff_ffff;
    // IEEE floats order as signed magnitudes; -0 equals 0.
    const bits = value === 0 ? 0 : word;
    const ascending = bits >>> 31 === 1 ? ~bits >>> 0 : (bits | 0x8000_0000) >>> 0;
    return ~ascending >>> 0;
  });
}
