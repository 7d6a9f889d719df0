/**
 * From the journal to Parquet: judges every planned row in plan order and writes accepted and rejected parts.
 *
 * The order is that of the plan, never that of arrival, so the bytes do not depend on concurrency or on kills.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { assert, type ForgeEvent } from "../base/index.ts";
import type { TeachConfig } from "../../schemas/config/teach.ts";
import type { Answer, AnswersManifest, RejectReason } from "../../schemas/record/answer.ts";
import type { ManifestFile } from "../../schemas/run/manifest.ts";
import type { AskedOutcome } from "./ask.ts";
import { judge } from "./judge/index.ts";
import { createAnswerWriter, type AnswerWriter } from "./parquet.ts";
import { studentSystem, type PlannedRow } from "./plan.ts";
import type { TeacherIdentity } from "./providers/types.ts";

export interface StoreInput {
  readonly config: TeachConfig;
  readonly rows: readonly PlannedRow[];
  readonly identity: TeacherIdentity;
  readonly outcomeOf: (row: PlannedRow) => Promise<AskedOutcome>;
  readonly out: string;
  readonly report: (event: ForgeEvent) => void;
  readonly signal: AbortSignal;
}

export type StoreResult = Pick<
  AnswersManifest,
  "planned" | "accepted" | "rejected" | "acceptedBy" | "acceptedBytes" | "files"
> & {
  /** A few rows for the card: the first accepted ones, and the first of each reason. */
  readonly examples: readonly Answer[];
};

/** Writes all parts and removes those of an earlier, longer output. */
export async function storeAnswers(input: StoreInput): Promise<StoreResult> {
  const { config, rows, out, signal } = input;
  await using accepted = createParts(out, "answers", config.rowsPerPart);
  await using rejected = createParts(out, "rejects", config.rowsPerPart);
  const reasons = new Map<RejectReason, number>();
  const by = {
    collection: new Map<string, number>(),
    task: new Map<string, number>(),
    system: new Map<string, number>(),
  };
  const examples: Answer[] = [];
  let acceptedRows = 0;
  let acceptedBytes = 0;
  for (const [index, planned] of rows.entries()) {
    signal.throwIfAborted();
    const row = makeRow(planned, await input.outcomeOf(planned), input);
    if (row.reason === null) {
      await accepted.append(row);
      if (acceptedRows++ < 2) examples.push(row);
      acceptedBytes += Buffer.byteLength(row.answer);
      increase(by.collection, row.collection);
      increase(by.task, row.task);
      increase(by.system, row.system_id);
    } else {
      await rejected.append(row);
      if (!reasons.has(row.reason)) examples.push(row);
      increase(reasons, row.reason);
    }
    input.report({ type: "stage-progress", stage: "store", done: index + 1, total: rows.length, unit: "rows" });
  }
  const files = [...(await accepted.finish()), ...(await rejected.finish())];
  const rejectedRows = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  assert(acceptedRows + rejectedRows === rows.length, "accepted + rejected = planned");
  return {
    planned: rows.length,
    accepted: acceptedRows,
    rejected: sorted(reasons),
    acceptedBy: { collection: sorted(by.collection), task: sorted(by.task), system: sorted(by.system) },
    acceptedBytes,
    files,
    examples,
  };
}

/** The stored row of an outcome: pure. */
export function makeRow(
  planned: PlannedRow,
  outcome: AskedOutcome,
  { config, identity }: Pick<StoreInput, "config" | "identity">,
): Answer {
  const { query, system } = planned;
  const verdict = judge(outcome, { query, system, config: config.checks });
  const student = studentSystem(system, config.erase);
  const messagesStudent = [
    ...(student === "" ? [] : [{ role: "system", content: student }]),
    { role: "user", content: query.query },
    { role: "assistant", content: verdict.answer },
  ];
  return {
    id: planned.id,
    query_id: query.id,
    collection: query.collection,
    task: query.task,
    query: query.query,
    gold: query.gold === undefined ? null : JSON.stringify(query.gold),
    system_id: system.id,
    system_teacher: system.text,
    system_student: student,
    messages: JSON.stringify(planned.messages),
    messages_sha256: planned.messagesSha256,
    sample: planned.sample,
    seed: planned.seed,
    thinking: verdict.thinking,
    steps: [...verdict.steps],
    answer: verdict.answer,
    final_answer: verdict.finalAnswer,
    raw: outcome.content,
    done_reason: outcome.doneReason,
    provider: identity.provider,
    model: identity.model,
    model_digest: identity.digest,
    server_version: identity.serverVersion,
    options: JSON.stringify(config.sampling),
    origin: identity.origin,
    prompt_tokens: outcome.promptTokens,
    answer_tokens: outcome.answerTokens,
    queue_ms: outcome.queueMs,
    load_ms: outcome.loadMs,
    prompt_ms: outcome.promptMs,
    answer_ms: outcome.answerMs,
    attempts: outcome.attempts,
    checks: [...verdict.checks],
    accepted: verdict.accepted,
    reason: verdict.reason,
    messages_student: JSON.stringify(messagesStudent),
  };
}

interface Parts extends AsyncDisposable {
  append(row: Answer): Promise<void>;
  /** Commits the open part, removes files that this output does not have, lists the rest. */
  finish(): Promise<readonly ManifestFile[]>;
}

function createParts(out: string, folder: string, rowsPerPart: number): Parts {
  const files: ManifestFile[] = [];
  let writer: AnswerWriter | undefined;
  const nameOf = (index: number): string => `${folder}/part-${String(index).padStart(5, "0")}.parquet`;
  const close = async (): Promise<void> => {
    if (writer === undefined) return;
    const digest = await writer.commit();
    files.push({ path: nameOf(files.length), ...digest, rows: writer.rows });
    await writer[Symbol.asyncDispose]();
    writer = undefined;
  };
  return {
    async append(row) {
      writer ??= await createAnswerWriter(join(out, nameOf(files.length)));
      await writer.append(row);
      if (writer.rows >= rowsPerPart) await close();
    },
    async finish() {
      await close();
      const names = new Set(files.map(({ path }) => path));
      for (const name of await readdir(join(out, folder)).catch(() => [])) {
        if (name.endsWith(".parquet") && !names.has(`${folder}/${name}`)) await rm(join(out, folder, name));
      }
      return files;
    },
    async [Symbol.asyncDispose]() {
      await writer?.[Symbol.asyncDispose]();
    },
  };
}

function increase<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sorted<Key extends string>(counts: ReadonlyMap<Key, number>): Record<Key, number> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))) as Record<Key, number>;
}
