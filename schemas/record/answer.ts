/**
 * Teacher answers: queries that go in, recorded answers for replay, and the row that comes out for each sample.
 *
 * A row says what was asked, what came back, who answered, what it cost, what every check found, and what the student
 * is trained on. Accepted and rejected rows have the same shape. Column names are those of the Parquet files.
 */
import { z } from "zod";
import { manifestFileSchema } from "../run/manifest.ts";
import { chatRoles } from "./chat.ts";

export const chatMessageSchema = z.strictObject({ role: z.enum(chatRoles), content: z.string() });

/** What is known to be right about a query. */
export const goldSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("number"),
    value: z.number(),
    /** Largest absolute difference that still counts as equal. */
    tolerance: z.number().min(0).default(1e-9),
    /** The same value as arithmetic, recomputed by a test: `"(17 + 4) * 3"`. */
    expression: z.string().optional(),
  }),
  z.strictObject({ kind: z.literal("option"), value: z.string().regex(/^[A-H]$/) }),
  /** The final answer is one of these, up to case, articles and punctuation. */
  z.strictObject({ kind: z.literal("text"), accept: z.array(z.string()).min(1) }),
  /** The answer mentions each of these; alternatives are separated by `|`. */
  z.strictObject({ kind: z.literal("mentions"), all: z.array(z.string()).min(1) }),
]);
export type Gold = z.infer<typeof goldSchema>;

/** One line of a query file. */
export const querySchema = z.strictObject({
  id: z.string().min(1),
  collection: z.string(),
  task: z.string(),
  query: z.string().min(1),
  /** Letters of the options when the query is multiple choice. */
  options: z.array(z.string().regex(/^[A-H]$/)).optional(),
  gold: goldSchema.optional(),
  /** Fixes the system message instead of drawing one. */
  system: z.string().optional(),
  /** Language the answer must be in; null when any will do. */
  language: z.literal("en").nullable().default("en"),
});
export type Query = z.infer<typeof querySchema>;

/** Why a model stopped, in our words. */
export const doneReasons = ["stop", "length", "repeat-abort", "unfinished"] as const;
export type DoneReason = (typeof doneReasons)[number];

/** One line of a file of recorded answers. */
export const recordedAnswerSchema = z.strictObject({
  query: z.string(),
  system: z.string(),
  /** Hash of the messages as rendered: what replay looks up. */
  messages_sha256: z.string().length(64),
  answer: z.string(),
  done_reason: z.enum(doneReasons).default("stop"),
  /** What the checks must say: `accepted` or the reason of the rejection. Tests hold it, replay ignores it. */
  expect: z.string(),
  origin: z.string(),
});
export type RecordedAnswer = z.infer<typeof recordedAnswerSchema>;

/** Why a row was rejected. The order is that of the checks. */
export const rejectReasons = [
  "not-recorded",
  "prompt-too-long",
  "teacher-error",
  "truncated",
  "empty",
  "malformed",
  "refusal",
  "repetitive",
  "wrong-language",
  "too-short",
  "too-long",
  "wrong-format",
  "steps-missing",
  "option-invalid",
  "wrong-answer",
] as const;
export type RejectReason = (typeof rejectReasons)[number];

export const checkResultSchema = z.strictObject({
  name: z.string(),
  passed: z.boolean(),
  /** What was measured, for people. */
  detail: z.string(),
});
export type CheckResult = z.infer<typeof checkResultSchema>;

export const answerSchema = z.strictObject({
  /** 32 hex digits of a hash of query id, system id and sample. */
  id: z.string().length(32),
  query_id: z.string(),
  collection: z.string(),
  task: z.string(),
  query: z.string(),
  /** JSON of a `Gold`, or null. */
  gold: z.string().nullable(),
  system_id: z.string(),
  /** What the teacher was told, and what the student is told after prompt erasure. */
  system_teacher: z.string(),
  system_student: z.string(),
  /** JSON of the exact messages sent, and its SHA-256. */
  messages: z.string(),
  messages_sha256: z.string().length(64),
  sample: z.int().nonnegative(),
  seed: z.int().nonnegative(),
  /** The model's separate thinking trace; never trained on. */
  thinking: z.string().nullable(),
  /** The answer's reasoning steps as far as it shows them; taken from `answer`, which holds them too. */
  steps: z.array(z.string()),
  /** What the student learns to say. */
  answer: z.string(),
  /** The short result found in `answer`, or null. */
  final_answer: z.string().nullable(),
  /** The content as received, before anything was trimmed or split off. */
  raw: z.string(),
  done_reason: z.enum(doneReasons).nullable(),
  provider: z.string(),
  model: z.string(),
  model_digest: z.string().nullable(),
  server_version: z.string().nullable(),
  /** JSON of the sampling options sent. */
  options: z.string(),
  origin: z.string(),
  prompt_tokens: z.int().nonnegative().nullable(),
  answer_tokens: z.int().nonnegative().nullable(),
  /** Milliseconds as the server reports them; null where it does not. */
  queue_ms: z.number().nullable(),
  load_ms: z.number().nullable(),
  prompt_ms: z.number().nullable(),
  answer_ms: z.number().nullable(),
  attempts: z.int().positive(),
  checks: z.array(checkResultSchema),
  accepted: z.boolean(),
  reason: z.enum(rejectReasons).nullable(),
  /** JSON of the `ChatMessage[]` to train on. */
  messages_student: z.string(),
});
export type Answer = z.infer<typeof answerSchema>;

/** `manifest.json` of an answers folder. `accepted + Σ rejected = planned`. */
export const answersManifestSchema = z.strictObject({
  version: z.literal(1),
  kind: z.literal("answers"),
  /** Everything the output was made from, by name; compared to say what changed. */
  madeFrom: z.record(z.string(), z.json()),
  teacher: z.strictObject({
    provider: z.string(),
    model: z.string(),
    digest: z.string().nullable(),
    serverVersion: z.string().nullable(),
    origin: z.string(),
  }),
  planned: z.int().nonnegative(),
  accepted: z.int().nonnegative(),
  rejected: z.partialRecord(z.enum(rejectReasons), z.int().positive()),
  /** Accepted rows by collection, task and system id. */
  acceptedBy: z.strictObject({
    collection: z.record(z.string(), z.int()),
    task: z.record(z.string(), z.int()),
    system: z.record(z.string(), z.int()),
  }),
  /** UTF-8 bytes of the accepted answers. */
  acceptedBytes: z.int().nonnegative(),
  files: z.array(manifestFileSchema),
});
export type AnswersManifest = z.infer<typeof answersManifestSchema>;
