/**
 * safetensors: a JSON header and raw little-endian tensors. Reads and writes F32 only, and checks every claim.
 *
 * Format: 8 bytes header length, header `{"name": {"dtype", "shape", "data_offsets"}, "__metadata__"}`, data without
 * gaps. https://github.com/huggingface/safetensors
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { createAtomicFile, DataError, wrapFileError, type FileDigest } from "../../forge/base/index.ts";
import { countOf } from "../model/gpt2.ts";

export interface SafeTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface SafeTensors {
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const headerSchema = z.record(z.string(), z.union([entrySchema, z.record(z.string(), z.string())]));

const maxHeaderBytes = 100_000_000;

/** Writes tensors in the given order; equal content gives equal bytes. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<SafeTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<FileDigest> {
  const list = [...tensors];
  const header: Record<string, unknown> = Object.keys(metadata).length === 0 ? {} : { __metadata__: metadata };
  let offset = 0;
  for (const { name, shape, values } of list) {
    if (values.length !== countOf(shape))
      throw new Error(`${name}: ${values.length} values for shape [${shape.join()}]`);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = Buffer.from(JSON.stringify(header), "utf8");
  // Padded with blanks so that the data are aligned for whoever maps the file.
  const length = Math.ceil(json.length / 8) * 8;
  const start = Buffer.alloc(8 + length, 0x20);
  start.writeBigUInt64LE(BigInt(length));
  json.copy(start, 8);
  await using file = await createAtomicFile(path);
  await file.write(start);
  for (const { values } of list) await file.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return await file.commit();
}

/** @throws DataError `safetensors-invalid` with the reason */
export async function readSafetensors(path: string): Promise<SafeTensors> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (error) {
    throw wrapFileError(error, path);
  }
  const invalid = (reason: string): DataError =>
    new DataError("safetensors-invalid", `${path} is no valid safetensors file: ${reason}`, { file: path });
  if (file.length < 8) throw invalid("it is shorter than its header length");
  const headerBytes = Number(file.readBigUInt64LE(0));
  if (headerBytes > maxHeaderBytes || 8 + headerBytes > file.length)
    throw invalid("it is truncated or its header too long");
  let parsed: unknown;
  try {
    parsed = JSON.parse(file.toString("utf8", 8, 8 + headerBytes));
  } catch {
    throw invalid("its header is not JSON");
  }
  const header = headerSchema.safeParse(parsed);
  if (!header.success) throw invalid("its header does not describe tensors");
  const data = file.subarray(8 + headerBytes);
  // Float32Array wants aligned bytes; a copy is made only when the header's length spoils that.
  const aligned = data.byteOffset % 4 === 0 ? data : Buffer.from(data);
  const tensors = new Map<string, SafeTensor>();
  const spans: [number, number][] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header.data)) {
    if (name === "__metadata__") {
      metadata = entry as Record<string, string>;
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = entry as z.infer<typeof entrySchema>;
    const [begin, end] = offsets;
    if (dtype !== "F32") throw invalid(`${name} is ${dtype}, only F32 is read`);
    if (end < begin || end > data.length) throw invalid(`${name} lies outside the file`);
    if (end - begin !== countOf(shape) * 4 || begin % 4 !== 0) throw invalid(`${name} does not fit its shape`);
    spans.push([begin, end]);
    const values = new Float32Array(aligned.buffer, aligned.byteOffset + begin, (end - begin) / 4);
    tensors.set(name, { name, shape, values });
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let expected = 0;
  for (const [begin, end] of spans) {
    if (begin !== expected) throw invalid("its tensors overlap or leave gaps");
    expected = end;
  }
  if (expected !== data.length) throw invalid("it has bytes that belong to no tensor");
  return { tensors, metadata };
}
