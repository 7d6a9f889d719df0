/** The recorded teacher: every answer is what its label says, every hash is in step, every sum adds up. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { shippedPath } from "../../forge/base/index.ts";
import { judge, planTeach, readJsonLines } from "../../forge/teach/index.ts";
import { teachConfigSchema } from "../../schemas/config/teach.ts";
import { recordedAnswerSchema } from "../../schemas/record/answer.ts";

const folder = shippedPath("prompts");
const config = teachConfigSchema.parse(parse(await readFile(join(folder, "orca.yaml"), "utf8")));
const planned = new Map((await planTeach(config, folder)).map((row) => [row.query.id, row]));
const recorded = (
  await Promise.all(config.recorded.map((name) => readJsonLines(join(folder, name), recordedAnswerSchema)))
).flatMap(({ rows }) => rows);
const good = recorded.filter((row) => row.expect === "accepted");
const bad = recorded.filter((row) => row.expect !== "accepted");

/** Evaluates + - * / ** and parentheses, by the usual precedence. */
function evaluate(expression: string): number {
  const tokens = expression.match(/\d+(?:\.\d+)?|\*\*|[-+*/()]/g) ?? [];
  let at = 0;
  const atom = (): number => {
    const token = tokens[at++];
    if (token !== "(") return Number(token);
    const value = sum();
    at++;
    return value;
  };
  const power = (): number => {
    const base = atom();
    return tokens[at] === "**" ? (at++, base ** power()) : base;
  };
  const product = (): number => {
    let value = power();
    while (tokens[at] === "*" || tokens[at] === "/") value = tokens[at++] === "*" ? value * power() : value / power();
    return value;
  };
  function sum(): number {
    let value = product();
    while (tokens[at] === "+" || tokens[at] === "-")
      value = tokens[at++] === "+" ? value + product() : value - product();
    return value;
  }
  return sum();
}

describe("the recorded teacher", () => {
  it("holds at least 64 good answers of six kinds and 16 bad ones of many reasons", () => {
    expect(good.length).toBeGreaterThanOrEqual(64);
    expect(bad.length).toBeGreaterThanOrEqual(16);
    const kinds = new Set(good.map((row) => planned.get(row.query)?.query.task));
    expect([...kinds].sort()).toEqual([
      "arithmetic",
      "definition",
      "instruction",
      "logic",
      "multiple choice",
      "reading comprehension",
    ]);
    expect(new Set(bad.map((row) => row.expect)).size).toBeGreaterThanOrEqual(10);
  });

  it("answers the messages as they are rendered now: run scripts/sync-recorded.ts after a wanted change", () => {
    const stale = recorded.filter((row) => planned.get(row.query)?.messagesSha256 !== row.messages_sha256);
    expect(stale.map((row) => row.query)).toEqual([]);
  });

  it.each(recorded.map((row) => [row.query, row.expect, row] as const))("judges %s as %s", (_, expected, row) => {
    const { query, system } = planned.get(row.query) ?? expect.fail("not planned");
    const verdict = judge(
      {
        content: row.answer,
        thinking: null,
        doneReason: row.done_reason,
        promptTokens: null,
        answerTokens: null,
        queueMs: null,
        loadMs: null,
        promptMs: null,
        answerMs: null,
        fault: null,
        attempts: 1,
      },
      { query, system, config: config.checks },
    );
    expect(verdict.reason ?? "accepted").toBe(expected);
  });

  it("says of every answer that no teacher was run", () => {
    expect(new Set(recorded.map((row) => row.origin))).toEqual(
      new Set(["written for this project; no teacher was run"]),
    );
  });

  it("has gold numbers that equal their arithmetic", () => {
    const gold = [...planned.values()].flatMap(({ query }) =>
      query.gold?.kind === "number" && query.gold.expression !== undefined ? [query.gold] : [],
    );
    expect(gold.length).toBeGreaterThanOrEqual(14);
    for (const { value, expression = "" } of gold) expect(evaluate(expression), expression).toBeCloseTo(value, 6);
  });

  it("writes no false equation into a good answer", () => {
    let checked = 0;
    for (const { query, answer } of good) {
      const text = answer.replaceAll(/(?<=\d),(?=\d{3})/g, "");
      for (const [equation, left = "", right] of text.matchAll(
        /((?:\d+(?:\.\d+)?\s*[+×÷−]\s*)+\d+(?:\.\d+)?)\s*=\s*(\d+(?:\.\d+)?)(?!\d|\.\d|\s*[+×÷−])/g,
      )) {
        const value = evaluate(left.replaceAll("×", "*").replaceAll("÷", "/").replaceAll("−", "-"));
        expect(value, `${query}: ${equation}`).toBeCloseTo(Number(right), 9);
        checked++;
      }
    }
    expect(checked).toBeGreaterThan(30);
  });

  it("does not use an answer twice, nor open two answers with the same sentence", () => {
    const openings = good.map(({ answer }) => answer.split(/(?<=[.:?])\s/)[0] + answer.slice(0, 60));
    expect(new Set(openings).size).toBe(good.length);
  });

  it("uses every system message of the recipe but none outside the pool of its collection", () => {
    for (const { query, system } of planned.values()) {
      expect(config.collections[query.collection]?.systems).toContain(system.id);
      if (system.when === "is_mcq") expect(query.options).toBeDefined();
    }
    expect(new Set([...planned.values()].map(({ system }) => system.id)).size).toBe(16);
  });
});
