/** The plan: pure, seeded, by Orca's pools. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hashMessages, planTeaching } from "../../forge/teach/index.ts";
import { teachConfigSchema } from "../../schemas/config/teach.ts";
import { querySchema, type Query } from "../../schemas/record/answer.ts";

const config = (changes: object = {}): ReturnType<typeof teachConfigSchema.parse> =>
  teachConfigSchema.parse({
    systems: [
      { id: "a", text: "" },
      { id: "b", text: "explain" },
      { id: "mcq", text: "first the option", when: "is_mcq" },
    ],
    collections: { all: { systems: ["a", "b", "mcq"] }, mcq: { systems: ["mcq"] } },
    queries: ["q.jsonl"],
    ...changes,
  });
const query = (id: string, more: object = {}): Query =>
  querySchema.parse({ id, collection: "all", task: "t", query: `question ${id}`, ...more });
const many = Array.from({ length: 600 }, (_, index) => query(`q${index}`));

describe("planTeaching", () => {
  it("gives each query the same rows whichever other queries there are, and other ones under another seed", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(599), { minLength: 1 }), fc.nat(1000), (indices, seed) => {
        const whole = new Map(planTeaching(config({ seed }), many).map((row) => [row.query.id, row]));
        for (const row of planTeaching(
          config({ seed }),
          indices.map((index) => many[index] as Query),
        )) {
          expect(row).toEqual(whole.get(row.query.id));
        }
      }),
      { numRuns: 10 },
    );
    const systems = (seed: number): string =>
      planTeaching(config({ seed }), many)
        .map((row) => row.system.id)
        .join();
    expect(systems(1)).not.toBe(systems(2));
  });

  it("draws each message of the pool equally often, and those for multiple choice only for such queries", () => {
    const open = planTeaching(config(), many);
    expect(open.filter((row) => row.system.id === "mcq")).toEqual([]);
    const share = open.filter((row) => row.system.id === "a").length / open.length;
    expect(share).toBeGreaterThan(0.42);
    expect(share).toBeLessThan(0.58);
    const choice = planTeaching(
      config(),
      many.map((row) => ({ ...row, options: ["A", "B"] })),
    );
    expect(new Set(choice.map((row) => row.system.id))).toEqual(new Set(["a", "b", "mcq"]));
  });

  it("always sends a system message, also the empty one, and hashes what is sent", () => {
    const [row] = planTeaching(config(), [query("x", { system: "a" })]);
    expect(row?.messages).toEqual([
      { role: "system", content: "" },
      { role: "user", content: "question x" },
    ]);
    expect(row?.messagesSha256).toBe(hashMessages(row?.messages ?? []));
  });

  it("gives samples different seeds and ids", () => {
    const rows = planTeaching(config({ samples: 5 }), [query("x")]);
    expect(new Set(rows.map((row) => row.seed)).size).toBe(5);
    expect(new Set(rows.map((row) => row.id)).size).toBe(5);
    expect(new Set(rows.map((row) => row.system.id)).size).toBe(1);
  });

  it("says which query has no message that may be used", () => {
    expect(() => planTeaching(config(), [query("lonely", { collection: "mcq" })])).toThrow(/lonely/);
  });
});
