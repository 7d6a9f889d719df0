/** Checks of form, which need no gold answer: is this whole, sound prose in the language and the format asked for? */
import type { ChecksConfig, SystemMessage } from "../../../schemas/config/teach.ts";
import type { RejectReason } from "../../../schemas/record/answer.ts";
import { sentencesOf, stepsOf, wordsOf } from "./text.ts";

/** What a check found. `reason` is set when it failed. */
export interface Finding {
  readonly reason?: RejectReason;
  readonly detail: string;
}

/** Broken encoding, control characters, leaked template marks, open fences, a dialogue that goes on by itself. */
export function checkSoundness(text: string): Finding {
  const faults: readonly (readonly [RegExp, string])[] = [
    [/�/, "replacement character U+FFFD"],
    // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
    [/[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F]/, "control character"],
    [/<\|[a-z_]+\|>|\[\/?INST\]|<\/?s>|<\/?think>/i, "template mark in the text"],
    [/Ã[\u0080-\u00BF]|â€/, "text decoded with the wrong encoding"],
    [/^(?:user|human|system|assistant)\s*:/im, "the dialogue goes on by itself"],
    [/\{\{[^{}]*\}\}|\$\{[^}]*\}/, "template variable that was never filled"],
  ];
  const found = faults.find(([pattern]) => pattern.test(text));
  if (found !== undefined) return { reason: "malformed", detail: found[1] };
  const fences = text.match(/^[ \t]*```/gm)?.length ?? 0;
  if (fences % 2 === 1) return { reason: "malformed", detail: "a code fence is never closed" };
  return { detail: "sound" };
}

const refusals: readonly RegExp[] = [
  /\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b/i,
  /\bi(?:'m| am) (?:very |really |so )?sorry,? (?:but )?(?:i|that i|this)\b/i,
  /\bi (?:cannot|can't|can not|won't|will not|am unable to|am not able to|'m unable to|'m not able to) (?:help|assist|answer|provide|comply|complete|do that|fulfil|fulfill|discuss)/i,
  /\bi (?:must|have to) (?:respectfully )?decline\b/i,
  /\bi(?:'m| am) (?:unable|not able) to (?:help|assist|answer|provide|complete)/i,
  /\bi (?:do not|don't) have (?:access to|enough information|the ability)/i,
];

/** Refusals and boilerplate stand near the beginning; later mentions are taken for content. */
export function checkRefusal(text: string): Finding {
  const head = text.slice(0, 300).replaceAll("’", "'");
  const found = refusals.map((pattern) => pattern.exec(head)?.[0]).find((match) => match !== undefined);
  return found === undefined ? { detail: "none" } : { reason: "refusal", detail: `"${found}"` };
}

/** The same sentence over and over, one 5-gram everywhere, or one character in a long run. */
export function checkRepetition(text: string, config: ChecksConfig): Finding {
  const run = /(\S)\1{39,}/u.exec(text);
  if (run !== null) return { reason: "repetitive", detail: `"${run[1]}" ${run[0].length} times in a row` };
  const counts = new Map<string, number>();
  for (const sentence of sentencesOf(text)) {
    const words = wordsOf(sentence);
    if (words.length >= 4) increase(counts, words.join(" "));
  }
  const [sentence, times] = largest(counts);
  if (times >= config.repeatedSentences)
    return { reason: "repetitive", detail: `${times} times "${sentence.slice(0, 60)}"` };
  const words = wordsOf(text);
  const grams = new Map<string, number>();
  for (let i = 0; i + 5 <= words.length; i++) increase(grams, words.slice(i, i + 5).join(" "));
  const [gram, occurrences] = largest(grams);
  const share = words.length === 0 ? 0 : (occurrences * 5) / words.length;
  return occurrences >= 4 && share > config.ngramShare
    ? { reason: "repetitive", detail: `"${gram}" covers ${Math.round(share * 100)} % of the words` }
    : { detail: `most frequent 5-gram ${occurrences} times` };
}

// prettier-ignore
const englishFunctionWords = new Set(
  ("the of and to in a is that it as for was with be by on not this are or from at which but have an they you were " +
    "their one all we can has there been if more when will would who so no what up out about into than its then do " +
    "any how each these some first two because must only so your i he she his her").split(" "),
);

/** English by its function words: enough to tell an answer in another language, not a language identifier. */
export function checkLanguage(text: string, language: "en" | null, config: ChecksConfig): Finding {
  if (language === null) return { detail: "any language will do" };
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const latin = text.match(/\p{Script=Latin}/gu)?.length ?? 0;
  if (letters >= 20 && latin < letters / 2) return { reason: "wrong-language", detail: "mostly not in Latin script" };
  const words = wordsOf(text);
  if (words.length < 20) return { detail: "too short to tell" };
  const share = words.filter((word) => englishFunctionWords.has(word)).length / words.length;
  const detail = `${(share * 100).toFixed(0)} % English function words`;
  return share < config.functionWordShare ? { reason: "wrong-language", detail } : { detail };
}

export function checkLength(text: string, config: ChecksConfig): Finding {
  const words = wordsOf(text).length;
  const detail = `${words} words`;
  if (words < config.minWords) return { reason: "too-short", detail };
  return words > config.maxWords ? { reason: "too-long", detail } : { detail };
}

/** `Part 1:` … `Usage:` pairs, when the system message asks for them (Orca's fifteenth). */
export function checkFormat(text: string, system: SystemMessage): Finding {
  if (!system.demands.includes("parts")) return { detail: "free form" };
  const marks = [...text.matchAll(/^[ \t]*(?:(part)\s*#?\s*(\d+)|(usage))\s*:/gim)];
  const parts = marks.filter(([, part]) => part !== undefined);
  const expected = parts.map((_, index) => String(index + 1)).join(",");
  const paired = marks.every(([, part], index) => (index % 2 === 0) === (part !== undefined)) && marks.length % 2 === 0;
  return parts.length > 0 && paired && parts.map(([, , number]) => number).join(",") === expected
    ? { detail: `${parts.length} parts with their usage` }
    : {
        reason: "wrong-format",
        detail: `${parts.length} parts, ${marks.length - parts.length} usages, not in pairs from 1 on`,
      };
}

export function checkSteps(text: string, system: SystemMessage, config: ChecksConfig): Finding {
  const steps = stepsOf(text).length;
  if (!system.demands.includes("steps")) return { detail: `${steps} steps, none asked for` };
  return steps < config.minSteps ? { reason: "steps-missing", detail: `${steps} steps` } : { detail: `${steps} steps` };
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function largest(counts: ReadonlyMap<string, number>): readonly [string, number] {
  let best: readonly [string, number] = ["", 0];
  for (const entry of counts) if (entry[1] > best[1]) best = entry;
  return best;
}
