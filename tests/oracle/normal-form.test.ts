/**
 * The normal form against datatrove itself, on strings that no corpus holds; found as the benches find it, with a Python
 * that has the package `regex`. datatrove's code is run where it lies and never enters the repository.
 */
import { execFileSync, spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { locateDatatrove } from "../bench/kernels/datatrove.ts";
import { both, column, nastyText, textsOf } from "../kernels/support.ts";

const located = locateDatatrove();
const { source, python } = typeof located === "string" ? { source: "", python: "" } : located;

const script = `
import json, sys, importlib.util, unicodedata
sys.path.insert(0, sys.argv[1])
spec = importlib.util.spec_from_file_location("text", sys.argv[1] + "/datatrove/utils/text.py")
text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(text)
json.dump([None if any(unicodedata.category(c) == "Cn" for c in t) else text.simplify_text(t) for t in json.load(sys.stdin)], sys.stdout)
`;

const reason = missing();

describe.skipIf(reason !== undefined)(`The normal form${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  test("equals datatrove's simplify_text on nasty strings of code points that Python knows", () => {
    const texts = fc.sample(nastyText, { numRuns: 4000, seed: 1 }).map((text) => text.toWellFormed());
    const expected = JSON.parse(
      execFileSync(python, ["-c", script, source], { input: JSON.stringify(texts), encoding: "utf8" }),
    ) as (string | null)[];
    for (const kernels of both) {
      const found = textsOf(kernels.normalizeForDedup(column(texts)));
      const wrong = texts.filter((_, i) => expected[i] !== null && found[i] !== expected[i]);
      expect(wrong.filter((text) => !/[\u{1d15e}-\u{1d164}\u{1d1bb}-\u{1d1c0}]/u.test(text))).toEqual([]);
    }
    expect(expected.filter((text) => text !== null).length).toBeGreaterThan(500);
  });
});

function missing(): string | undefined {
  if (typeof located === "string") return located;
  return spawnSync(python, ["-c", "import regex"]).status === 0 ? undefined : "Python lacks the package regex";
}
