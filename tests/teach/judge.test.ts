/** The checks one by one: what each catches and, as important, what it leaves alone. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { judge } from "../../forge/teach/index.ts";
import { markedAnswer, numbersOf, stepsOf } from "../../forge/teach/judge/text.ts";
import { checksSchema } from "../../schemas/config/teach.ts";
import { querySchema, rejectReasons, type Gold } from "../../schemas/record/answer.ts";

const config = checksSchema.parse({});
const outcome = {
  thinking: null,
  doneReason: "stop",
  promptTokens: null,
  answerTokens: null,
  queueMs: null,
  loadMs: null,
  promptMs: null,
  answerMs: null,
  fault: null,
  attempts: 1,
} as const;

function verdictOf(content: string, query: object = {}, demands: ("steps" | "parts")[] = []): ReturnType<typeof judge> {
  const parsed = querySchema.parse({ id: "q", collection: "c", task: "t", query: "?", ...query });
  return judge({ ...outcome, content }, { query: parsed, system: { id: "s", text: "", purpose: "", demands }, config });
}
const goldReason = (text: string, gold: Gold): string | null => verdictOf(text, { gold }).reason;

describe("gold answers", () => {
  it("compares numbers however they are written", () => {
    for (const said of [
      "The answer is 1,250 dollars.",
      "Seven times so. Answer: $1250",
      "So **Answer:** 1250.0",
      "Answer: 1000 + 250 = 1250",
      "All in all that makes 1250.",
    ]) {
      expect(goldReason(said, { kind: "number", value: 1250, tolerance: 1e-9 }), said).toBe(null);
    }
    expect(goldReason("The answer is 3/4 of it.", { kind: "number", value: 0.75, tolerance: 1e-9 })).toBe(null);
    expect(goldReason("The answer is −5 degrees.", { kind: "number", value: -5, tolerance: 0 })).toBe(null);
    expect(goldReason("There are 1250, but the answer is 12.", { kind: "number", value: 1250, tolerance: 1e-9 })).toBe(
      "wrong-answer",
    );
  });

  it("takes the last result that the text commits to, not a passing mention", () => {
    expect(markedAnswer("One might think the answer is 9. But the answer is 8.")).toBe("8");
    expect(
      goldReason("One might think the answer is 9. But the answer is 8.", { kind: "number", value: 9, tolerance: 0 }),
    ).toBe("wrong-answer");
  });

  it("compares texts up to case, articles and punctuation, by whole words", () => {
    expect(goldReason("Let us see. Answer: The Cat!", { kind: "text", accept: ["cat"] })).toBe(null);
    expect(goldReason("Let us see. Answer: category", { kind: "text", accept: ["cat"] })).toBe("wrong-answer");
    expect(goldReason("A long talk about a cat.", { kind: "text", accept: ["cat"] })).toBe("wrong-answer");
  });

  it("accepts any number that is said as the answer and no other", () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999, max: 99_999 }), fc.integer({ min: 1, max: 50 }), (value, other) => {
        const text = `We looked at 17 cases in 3 ways. The answer is ${value} in all.`;
        expect(goldReason(text, { kind: "number", value, tolerance: 0 })).toBe(null);
        expect(goldReason(text, { kind: "number", value: value + other, tolerance: 0 })).toBe("wrong-answer");
      }),
    );
  });
});

describe("multiple choice", () => {
  const query = { options: ["A", "B", "C"], gold: { kind: "option", value: "B" } };

  it("finds the letter with or without brackets, first or last", () => {
    for (const said of [
      "The answer is (B).",
      "Let us see. Answer: B",
      "The correct answer is B, since A is too small.",
      "It must be (B), no doubt about it.",
    ]) {
      expect(verdictOf(said, query).reason, said).toBe(null);
    }
  });

  it("tells a wrong letter from one that is not on offer, and from none", () => {
    expect(verdictOf("The answer is (C).", query).reason).toBe("wrong-answer");
    expect(verdictOf("The answer is (D).", query).reason).toBe("option-invalid");
    expect(verdictOf("It could be (A), or it could be (B).", query).reason).toBe("option-invalid");
  });
});

describe("form", () => {
  it("finds numbered, bulleted and spoken steps", () => {
    expect(stepsOf("1. Do this.\n2. Do that,\nand more.\n\nDone.")).toEqual(["Do this.", "Do that, and more."]);
    expect(stepsOf("- one thing\n- another")).toEqual(["one thing", "another"]);
    expect(stepsOf("First, boil water. Then add tea. It is good.")).toEqual(["First, boil water.", "Then add tea."]);
    expect(stepsOf("It is good.")).toEqual([]);
  });

  it("wants steps and parts only where the system message asks for them", () => {
    expect(verdictOf("It is just so, believe me.").reason).toBe(null);
    expect(verdictOf("It is just so, believe me.", {}, ["steps"]).reason).toBe("steps-missing");
    expect(verdictOf("Part 1: this\nUsage: that\nPart 2: more\nUsage: yes", {}, ["parts"]).reason).toBe(null);
    expect(verdictOf("Part 1: this\nPart 2: more\nUsage: yes", {}, ["parts"]).reason).toBe("wrong-format");
  });

  it("moves a think block out of the answer and rejects one that never ends", () => {
    const verdict = verdictOf("<think>let me see</think>\n\nIt is really blue.");
    expect([verdict.answer, verdict.thinking, verdict.reason]).toEqual(["It is really blue.", "let me see", null]);
    expect(verdictOf("<think>let me see and see").reason).toBe("malformed");
  });

  it("does not take content for a refusal, nor verse for a loop", () => {
    expect(verdictOf("He said he was sorry, but the shop could not help him that day.").reason).toBe(null);
    expect(
      verdictOf(
        "Row, row, row your boat gently down the stream. Merrily, merrily, merrily, merrily, life is but a dream.",
      ).reason,
    ).toBe(null);
    expect(verdictOf("I’m sorry, but I can’t help with that.").reason).toBe("refusal");
  });

  it("never throws, and always gives the reason of the first failed check", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 120 }), fc.boolean(), (content, choice) => {
        const verdict = verdictOf(content, choice ? { options: ["A", "B"] } : {}, ["steps"]);
        expect(verdict.accepted).toBe(verdict.checks.every((check) => check.passed));
        expect(verdict.reason === null).toBe(verdict.accepted);
        if (verdict.reason !== null) expect(rejectReasons).toContain(verdict.reason);
      }),
      { numRuns: 150 },
    );
  });

  it("judges what a looping model can produce in a time that grows with its length, not its square", () => {
    for (const piece of ["\n", " ", "a", "1", "answer ", "1. ", "{{", "Part 1:\n", "x y z. ", "answer is ", "1+"]) {
      const text = `So. ${piece.repeat(200_000 / piece.length)} end.`;
      expect(verdictOf(text, {}, ["steps", "parts"]).checks.length).toBeGreaterThan(0);
    }
  });

  it("reads numbers as people write them", () => {
    expect(numbersOf("1,234.5 and 3/4, −2 or seven; not B2")).toEqual([1234.5, 0.75, -2, 7]);
  });
});
