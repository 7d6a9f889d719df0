/**
 * A teacher that answers from a recording, found by the hash of the messages as rendered.
 *
 * For a run without any model: tests, the quickstart, a repeat of an earlier run. A changed system message or query is
 * a miss, never a nearly right answer.
 */
import { createHash } from "node:crypto";
import { recordedAnswerSchema, type RecordedAnswer } from "../../../schemas/record/answer.ts";
import { readJsonLines } from "../prompts.ts";
import { noCosts, RowFault, type Teacher, type TeacherIdentity } from "./types.ts";

/** @throws DataError from `identify` when a recording cannot be read */
export function createReplayTeacher(files: readonly string[]): Teacher {
  const recorded = new Map<string, RecordedAnswer[]>();
  return {
    async identify(): Promise<TeacherIdentity> {
      const hash = createHash("sha256");
      const origins = new Set<string>();
      for (const file of files) {
        const { rows, sha256 } = await readJsonLines(file, recordedAnswerSchema);
        hash.update(sha256);
        for (const row of rows) {
          origins.add(row.origin);
          const known = recorded.get(row.messages_sha256);
          if (known === undefined) recorded.set(row.messages_sha256, [row]);
          else known.push(row);
        }
      }
      const origin = [...origins].sort().join("; ");
      return { provider: "replay", model: "recorded", digest: hash.digest("hex"), serverVersion: null, origin };
    },
    ask({ messagesSha256, sample }) {
      // The k-th sample gets the k-th recorded answer to the same messages.
      const found = recorded.get(messagesSha256)?.[sample];
      if (found === undefined) {
        return Promise.reject(
          new RowFault("not-recorded", `no recorded answer ${sample} to messages ${messagesSha256}`),
        );
      }
      return Promise.resolve({ content: found.answer, thinking: null, doneReason: found.done_reason, ...noCosts });
    },
    async [Symbol.asyncDispose]() {
      recorded.clear();
    },
  };
}
