/**
 * What a teacher is: something that takes messages and gives back a text with the reason why it stopped.
 *
 * A provider makes one attempt; when to try again is decided in `ask.ts`, by the class of the error:
 * - `TransientError`: a passing fault, asked again;
 * - `RowFault`: this row cannot be answered, it is rejected with the fault's reason;
 * - anything else (no such model, wrong key) ends the run.
 */
import type { ChatMessage } from "../../../schemas/record/chat.ts";
import type { DoneReason, RejectReason } from "../../../schemas/record/answer.ts";

export interface TeacherIdentity {
  readonly provider: "replay" | "ollama" | "openai";
  readonly model: string;
  /** Identifies the weights (Ollama's digest) or the recording. */
  readonly digest: string | null;
  readonly serverVersion: string | null;
  /** Where the answers come from, in words for the card. */
  readonly origin: string;
  /** What was found out about the empty system message; absent where there is nothing to verify. */
  readonly emptySystem?: string;
}

export interface TeacherRequest {
  readonly messages: readonly ChatMessage[];
  readonly messagesSha256: string;
  readonly seed: number;
  readonly sample: number;
}

/** What came back. Token counts and times as the server reports them; null where it does not. */
export interface TeacherReply {
  readonly content: string;
  readonly thinking: string | null;
  readonly doneReason: DoneReason;
  readonly promptTokens: number | null;
  readonly answerTokens: number | null;
  readonly queueMs: number | null;
  readonly loadMs: number | null;
  readonly promptMs: number | null;
  readonly answerMs: number | null;
}

export interface Teacher extends AsyncDisposable {
  /**
   * Finds out who answers; called once, first.
   *
   * @throws EnvironmentError when the server or the model is not there
   */
  identify(signal: AbortSignal): Promise<TeacherIdentity>;
  ask(request: TeacherRequest, signal: AbortSignal): Promise<TeacherReply>;
}

/** The row, not the teacher, is at fault: it is rejected and the run goes on. */
export class RowFault extends Error {
  readonly reason: RejectReason;

  constructor(reason: RejectReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "RowFault";
    this.reason = reason;
  }
}

export const noCosts = {
  promptTokens: null,
  answerTokens: null,
  queueMs: null,
  loadMs: null,
  promptMs: null,
  answerMs: null,
} as const;
