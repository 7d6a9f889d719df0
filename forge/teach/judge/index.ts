/**
 * Judges one answer: a list of checks in a fixed order, each passed or failed with what it measured.
 *
 * Pure: the same reply and config give the same verdict, so answers are judged again from the journal at no cost when
 * checks change. The reason of a rejection is that of the first check that failed.
 */
import type { ChecksConfig, SystemMessage } from "../../../schemas/config/teach.ts";
import type { CheckResult, Query, RejectReason } from "../../../schemas/record/answer.ts";
import type { AskedOutcome } from "../ask.ts";
import {
  checkFormat,
  checkLanguage,
  checkLength,
  checkRefusal,
  checkRepetition,
  checkSoundness,
  checkSteps,
  type Finding,
} from "./form.ts";
import { checkGold, checkOption, extractFinalAnswer } from "./gold.ts";
import { stepsOf } from "./text.ts";

export interface Verdict {
  readonly checks: readonly CheckResult[];
  readonly accepted: boolean;
  readonly reason: RejectReason | null;
  /** The answer without thinking and outer white space. */
  readonly answer: string;
  readonly thinking: string | null;
  readonly steps: readonly string[];
  readonly finalAnswer: string | null;
}

export interface JudgeContext {
  readonly query: Query;
  readonly system: SystemMessage;
  readonly config: ChecksConfig;
}

/** Names and order of the checks. */
export function judge(outcome: AskedOutcome, context: JudgeContext): Verdict {
  const { query, system, config } = context;
  const { answer, thinking } = splitThinking(outcome.content, outcome.thinking);
  const finalAnswer = extractFinalAnswer(answer, query);
  const list: readonly (readonly [string, () => Finding])[] = [
    ["answered", () => checkAnswered(outcome)],
    ["finished", () => checkFinished(outcome)],
    ["non-empty", () => (answer === "" ? { reason: "empty", detail: "no text" } : { detail: "has text" })],
    ["soundness", () => checkSoundness(answer)],
    ["refusal", () => checkRefusal(answer)],
    ["repetition", () => checkRepetition(answer, config)],
    ["language", () => checkLanguage(answer, query.language, config)],
    ["length", () => checkLength(answer, config)],
    ["format", () => checkFormat(answer, system)],
    ["steps", () => checkSteps(answer, system, config)],
    ["option", () => checkOption(finalAnswer, query)],
    ["gold", () => checkGold(answer, finalAnswer, query.gold)],
  ];
  const checks: CheckResult[] = [];
  let reason: RejectReason | null = null;
  for (const [name, check] of list) {
    const finding = check();
    checks.push({ name, passed: finding.reason === undefined, detail: finding.detail });
    reason ??= finding.reason ?? null;
    // Without a text there is nothing left to check.
    if (finding.reason !== undefined && answer === "") break;
  }
  return { checks, accepted: reason === null, reason, answer, thinking, steps: stepsOf(answer), finalAnswer };
}

/** Splits off a `<think>` block that the server left in the content. An open block stays, and fails the soundness. */
function splitThinking(content: string, thinking: string | null): { answer: string; thinking: string | null } {
  const text = content.replaceAll("\r\n", "\n").trim();
  const inline = /^<think>([\s\S]*?)<\/think>/.exec(text);
  if (inline === null) return { answer: text, thinking };
  return { answer: text.slice(inline[0].length).trim(), thinking: thinking ?? (inline[1] ?? "").trim() };
}

function checkAnswered({ fault }: AskedOutcome): Finding {
  return fault === null ? { detail: "yes" } : { reason: fault.reason, detail: fault.message };
}

function checkFinished({ doneReason }: AskedOutcome): Finding {
  return doneReason === null || doneReason === "stop"
    ? { detail: doneReason ?? "not asked" }
    : { reason: "truncated", detail: `ended by ${doneReason}` };
}
