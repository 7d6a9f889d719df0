/** The guard around parquetjs-lite: its traps, each shown not to bite. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createAnswerWriter } from "../../forge/teach/index.ts";
import { answerSchema, type Answer } from "../../schemas/record/answer.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-parquet-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

function rowWith(changes: Partial<Answer>): Answer {
  const base: Answer = {
    id: "0".repeat(32),
    query_id: "q",
    collection: "c",
    task: "t",
    query: "?",
    gold: null,
    system_id: "s",
    system_teacher: "",
    system_student: "",
    messages: "[]",
    messages_sha256: "0".repeat(64),
    sample: 0,
    seed: 2 ** 31 - 1,
    thinking: null,
    steps: [],
    answer: "a",
    final_answer: null,
    raw: "a",
    done_reason: "stop",
    provider: "replay",
    model: "m",
    model_digest: null,
    server_version: null,
    options: "{}",
    origin: "test",
    prompt_tokens: null,
    answer_tokens: null,
    queue_ms: null,
    load_ms: null,
    prompt_ms: null,
    answer_ms: null,
    attempts: 1,
    checks: [],
    accepted: true,
    reason: null,
    messages_student: "[]",
  };
  return { ...base, ...changes };
}

async function read(path: string): Promise<Record<string, unknown>[]> {
  const file = await asyncBufferFromFile(path);
  return (await parquetReadObjects({ file, compressors: { GZIP: (input) => gunzipSync(input) } })) as Record<
    string,
    unknown
  >[];
}

/** hyparquet gives 64-bit integers as BigInt. */
const plain = (value: unknown): unknown =>
  typeof value === "bigint"
    ? Number(value)
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
        : (value ?? null);

describe("createAnswerWriter", () => {
  it("reads back any row as it was written: Unicode, nulls, empty and long lists", async () => {
    const text = fc.string({ unit: "binary", maxLength: 40 });
    const row = fc
      .record({
        answer: text,
        query: text,
        raw: text,
        thinking: fc.option(text),
        final_answer: fc.option(text),
        steps: fc.array(text, { maxLength: 5 }),
        checks: fc.array(fc.record({ name: text, passed: fc.boolean(), detail: text }), { maxLength: 4 }),
        prompt_tokens: fc.option(fc.nat()),
        queue_ms: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })),
        accepted: fc.boolean(),
      })
      .map(rowWith);
    let count = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), async (rows) => {
        const path = join(folder, `${count++}.parquet`);
        await using writer = await createAnswerWriter(path);
        for (const one of rows) await writer.append(one);
        await writer.commit();
        const back = (await read(path)).map((one) => answerSchema.parse(plain(one)));
        // Negative zero is zero to everyone who reads a duration.
        expect(back.map((one) => ({ ...one, queue_ms: one.queue_ms === null ? null : one.queue_ms + 0 }))).toEqual(
          rows.map((one) => ({ ...one, queue_ms: one.queue_ms === null ? null : one.queue_ms + 0 })),
        );
      }),
      { numRuns: 12 },
    );
  });

  it("keeps number and order of rows when nobody awaits the appends", async () => {
    const path = join(folder, "a.parquet");
    await using writer = await createAnswerWriter(path);
    const appends = Array.from({ length: 5000 }, (_, sample) => writer.append(rowWith({ sample })));
    await writer.commit();
    await Promise.all(appends);
    expect((await read(path)).map(({ sample }) => Number(sample))).toEqual(
      Array.from({ length: 5000 }, (_, index) => index),
    );
  });

  it("writes no statistics, which the library would order wrongly", async () => {
    const path = join(folder, "a.parquet");
    await using writer = await createAnswerWriter(path);
    await writer.append(rowWith({ answer: "Ｚ" }));
    await writer.append(rowWith({ answer: "🏋" }));
    await writer.commit();
    const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
    for (const column of row_groups.flatMap((group) => group.columns)) {
      const { min_value, max_value, min, max } = column.meta_data?.statistics ?? {};
      expect([min_value, max_value, min, max]).toEqual([undefined, undefined, undefined, undefined]);
    }
  });

  it("leaves nothing under the name, nor under another, without a commit", async () => {
    {
      await using writer = await createAnswerWriter(join(folder, "a.parquet"));
      await writer.append(rowWith({}));
    }
    expect(await readdir(folder)).toEqual([]);
  });
});
