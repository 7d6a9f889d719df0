/**
 * `forge teach`: which system messages exist, which queries may get which, how a teacher is asked and checked.
 *
 * A prompts file (`prompts/orca.yaml`) is one such config. Paths in it are relative to the file itself.
 */
import { z } from "zod";

/** Conditions on a query under which a system message may be drawn. */
export const queryPredicates = ["is_mcq"] as const;
/** What a system message asks for, so that the checks can hold the teacher to it. */
export const systemDemands = ["steps", "parts"] as const;

export const eraseSchema = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("keep").describe("Train with the message the teacher saw (Orca).") }),
  z.strictObject({
    mode: z.literal("replace").describe("Train with another message in its place: prompt erasure (Orca 2)."),
    with: z.string().describe("The message the student sees; empty for none."),
  }),
]);

export const systemMessageSchema = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .describe("Stable name, stored in every row."),
  text: z.string().describe("The message; empty means truly no instruction."),
  purpose: z.string().default("").describe("What the message is for, for readers and for the card."),
  when: z.enum(queryPredicates).optional().describe("Drawn only for queries of which this holds."),
  demands: z.array(z.enum(systemDemands)).default([]).describe("What an answer must show: steps, or Part/Usage lines."),
  erase: eraseSchema.optional().describe("Overrides the file's erase rule for this message."),
});
export type SystemMessage = z.infer<typeof systemMessageSchema>;

export const collectionSchema = z.strictObject({
  systems: z.array(z.string()).min(1).describe("Ids of the system messages drawn from, each equally likely."),
});

export const samplingSchema = z.strictObject({
  temperature: z.number().min(0).max(5).default(0.7).describe("Sampling temperature; 0 is greedy."),
  topP: z.number().min(0).max(1).default(0.95).describe("Nucleus sampling: probability mass kept."),
  numPredict: z.int().min(1).default(1024).describe("Most tokens of an answer, thinking included; never unlimited."),
  numContext: z.int().min(256).default(4096).describe("Context window asked of Ollama; the same on every call."),
  think: z
    .boolean()
    .optional()
    .describe("Ask for (or forbid) a separate thinking trace; without it the model's own default holds."),
});
export type Sampling = z.infer<typeof samplingSchema>;

export const clocksSchema = z.strictObject({
  connectMs: z.int().min(1).default(10_000).describe("Time to reach the server."),
  firstTokenMs: z
    .int()
    .min(1)
    .default(1_800_000)
    .describe("Time from sending to the first token: queue, model load and prompt."),
  idleMs: z.int().min(1).default(120_000).describe("Longest pause between two tokens."),
  totalMs: z.int().min(1).default(3_600_000).describe("Budget of one attempt in all."),
});
export type Clocks = z.infer<typeof clocksSchema>;

export const retrySchema = z.strictObject({
  attempts: z.int().min(1).max(100).default(5).describe("Attempts for one answer before giving up."),
  baseMs: z.int().min(0).default(500).describe("First pause; it doubles each time."),
  maxMs: z.int().min(0).default(30_000).describe("Longest pause, unless the server asks for more."),
  maxFailedInRow: z
    .int()
    .min(1)
    .default(8)
    .describe("Answers that fail one after the other before the run stops: then the server is at fault, not the rows."),
});
export type RetryConfig = z.infer<typeof retrySchema>;

export const checksSchema = z.strictObject({
  minWords: z.int().min(0).default(3).describe("Shorter answers are rejected as `too-short`."),
  maxWords: z.int().min(1).default(1200).describe("Longer answers are rejected as `too-long`."),
  minSteps: z.int().min(1).default(2).describe("Steps an answer must show when its system message asks for them."),
  repeatedSentences: z
    .int()
    .min(2)
    .default(3)
    .describe("A sentence or line said this many times makes an answer `repetitive`."),
  ngramShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe("Share of the words that the most frequent 5-gram may cover."),
  functionWordShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.12)
    .describe("Share of English function words below which a text of 20 words or more is not taken for English."),
});
export type ChecksConfig = z.infer<typeof checksSchema>;

export const teachConfigSchema = z.strictObject({
  title: z.string().default("Answers of a teacher").describe("Heading of the dataset card."),
  description: z.string().default("").describe("A paragraph for the dataset card."),
  license: z
    .string()
    .optional()
    .describe("Licence of queries and recorded answers, for the card; a model's answers get none."),
  systems: z.array(systemMessageSchema).min(1).describe("The system messages."),
  collections: z.record(z.string(), collectionSchema).describe("The pool of system messages of each query collection."),
  queries: z.array(z.string()).min(1).describe("JSON Lines files of queries, relative to this file."),
  recorded: z.array(z.string()).default([]).describe("JSON Lines files of recorded answers, for the teacher `replay`."),
  draw: z
    .enum(["unless-fixed", "always"])
    .default("unless-fixed")
    .describe("Whether a query that fixes its system message keeps it, or gets one of its pool like the others."),
  erase: eraseSchema.default({ mode: "keep" }).describe("What the student sees in place of the teacher's message."),
  teacher: z
    .string()
    .default("replay")
    .describe("Who answers: `replay`, `ollama:MODEL`, or `openai:MODEL@URL` for any OpenAI-compatible server."),
  samples: z.int().min(1).max(1000).default(1).describe("Answers to each query."),
  seed: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .default(1)
    .describe("Seed of the drawn messages and of the teacher's sampling."),
  limit: z.int().min(1).optional().describe("Ask only the first so many queries."),
  concurrency: z
    .int()
    .min(1)
    .max(4096)
    .default(2)
    .describe("Requests under way at a time; changes no byte of the result."),
  sampling: samplingSchema.prefault({}).describe("How the teacher samples."),
  clocks: clocksSchema.prefault({}).describe("Time limits of a request."),
  retry: retrySchema.prefault({}).describe("What happens on passing faults."),
  checks: checksSchema.prefault({}).describe("Bounds of the checks that each answer must pass."),
  rowsPerPart: z.int().min(1).max(1_000_000).default(4096).describe("Rows after which a Parquet part ends."),
});
export type TeachConfig = z.infer<typeof teachConfigSchema>;
