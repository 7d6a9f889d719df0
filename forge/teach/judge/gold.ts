/** Checks against what is known to be right: the option is one of those given, the result equals the gold answer. */
import type { Gold, Query } from "../../../schemas/record/answer.ts";
import type { Finding } from "./form.ts";
import { foldText, markedAnswer, numbersOf, wordsOf } from "./text.ts";

/** The result a text arrives at, in the form its query wants; null when none can be found. */
export function extractFinalAnswer(text: string, query: Query): string | null {
  const marked = markedAnswer(text);
  if (query.options !== undefined) return findOption(marked, text) ?? null;
  if (query.gold?.kind === "number") {
    const number = finalNumber(marked ?? text, marked !== undefined);
    return number === undefined ? null : String(number);
  }
  return marked ?? null;
}

/** Multiple choice: exactly one letter is given, and it is on offer. */
export function checkOption(finalAnswer: string | null, query: Query): Finding {
  if (query.options === undefined) return { detail: "not multiple choice" };
  if (finalAnswer === null) return { reason: "option-invalid", detail: "no option is named as the answer" };
  return query.options.includes(finalAnswer)
    ? { detail: `option ${finalAnswer}` }
    : { reason: "option-invalid", detail: `${finalAnswer} is not among ${query.options.join(", ")}` };
}

export function checkGold(text: string, finalAnswer: string | null, gold: Gold | undefined): Finding {
  if (gold === undefined) return { detail: "no gold answer" };
  switch (gold.kind) {
    case "option":
      return compare(finalAnswer === gold.value, finalAnswer, gold.value);
    case "number": {
      const equal = finalAnswer !== null && Math.abs(Number(finalAnswer) - gold.value) <= gold.tolerance;
      return compare(equal, finalAnswer, String(gold.value));
    }
    case "text": {
      const said = ` ${foldText(finalAnswer ?? "")} `;
      const equal = finalAnswer !== null && gold.accept.some((accepted) => said.includes(` ${foldText(accepted)} `));
      return compare(equal, finalAnswer, gold.accept.join(" | "));
    }
    case "mentions": {
      const said = ` ${wordsOf(text).join(" ")} `;
      const missing = gold.all.filter(
        (entry) => !entry.split("|").some((phrase) => said.includes(` ${wordsOf(phrase).join(" ")} `)),
      );
      return missing.length === 0
        ? { detail: `mentions ${gold.all.join(", ")}` }
        : { reason: "wrong-answer", detail: `does not mention ${missing.join(", ")}` };
    }
    default:
      return gold satisfies never;
  }
}

function compare(equal: boolean, said: string | null, wanted: string): Finding {
  const detail = `${said ?? "nothing"} ${equal ? "equals" : "is not"} ${wanted}`;
  return equal ? { detail } : { reason: "wrong-answer", detail };
}

/** A letter that stands alone, the marked one first; without a mark the text must name one letter only. */
function findOption(marked: string | undefined, text: string): string | undefined {
  const letter = /(?<![\w'’])\(?([A-Z])\)?(?![\w'’])/;
  const said = marked === undefined ? undefined : letter.exec(marked)?.[1];
  if (said !== undefined) return said;
  const named = new Set([...text.matchAll(/\(([A-Z])\)/g)].map((match) => match[1]));
  return named.size === 1 ? [...named][0] : undefined;
}

/** After a mark the result of an equation, else the first number; without a mark the last number of the text. */
function finalNumber(text: string, marked: boolean): number | undefined {
  if (!marked) return numbersOf(text).at(-1);
  const afterEquals = text.includes("=") ? text.slice(text.lastIndexOf("=") + 1) : text;
  return numbersOf(afterEquals)[0];
}
