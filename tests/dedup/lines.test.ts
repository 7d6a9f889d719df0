import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyTextEdits, readTextEdits, readTurnedAway } from "../../forge/base/index.ts";
import { dedupConfigSchema } from "../../schemas/config/dedup.ts";
import { columnOf, idOf, partitionsOf, runDedup, textsOf, type TestDocument } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-lines-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const document = (name: string, text: string, rest: Partial<TestDocument> = {}): TestDocument => ({
  id: idOf(name),
  text,
  ...rest,
});

interface Outcome {
  /** By document id: its text, or null when it was turned away. */
  readonly texts: ReadonlyMap<string, string | null>;
  readonly counts: Readonly<Record<string, number>>;
  readonly left: readonly number[];
}

/** What becomes of documents that are kept so far, with their lines deduplicated. */
async function outcome(
  parts: readonly (readonly TestDocument[])[],
  lines: Record<string, unknown>,
  name = "run",
  more: Record<string, unknown> = {},
): Promise<Outcome> {
  const work = join(folder, name);
  const config = dedupConfigSchema.parse({
    near: false,
    normalForm: false,
    lines: { minLineCharacters: 5, minDocumentCharacters: 1, ...lines },
    ...more,
  });
  const { counts } = await runDedup(partitionsOf(parts), config, work);
  const texts = new Map<string, string | null>();
  const left: number[] = [];
  for (const [index, documents] of parts.entries()) {
    const prefix = join(work, "lines", String(index).padStart(5, "0"));
    const edits = await readTextEdits(`${prefix}-edits.col`);
    const away = await readTurnedAway(`${prefix}-turned-away.col`);
    const edited = textsOf(applyTextEdits(columnOf(documents.map(({ text }) => text)), 0, edits));
    for (const [row, { id }] of documents.entries())
      texts.set(id, away.rows.includes(row) ? null : (edited[row] as string));
    left.push(...away.value);
    expect(away.reasons).toEqual(["repeated-lines"]);
  }
  return { texts, counts, left };
}

describe("repeated lines", () => {
  const menu = "Home | About | Contact";

  test("that more documents hold than allowed are taken out, all but the first one in keep order", async () => {
    const parts = [
      [
        document("short", `${menu}\nfirst text\nend`),
        document("long", `intro, and longer than the others\n${menu}\nlast`),
      ],
      [document("other", `own words\n  home  about CONTACT!\n`)],
    ];
    const { texts, counts } = await outcome(parts, {});
    expect(texts.get(idOf("long"))).toBe(parts[0]?.[1]?.text);
    expect(texts.get(idOf("short"))).toBe("first text\nend");
    expect(texts.get(idOf("other"))).toBe("own words");
    expect(counts).toMatchObject({ "repeated-lines.distinctRepeated": 1, "repeated-lines.lines": 2 });
    const all = await outcome(parts, { keepFirst: false }, "all");
    expect(all.texts.get(idOf("long"))).toBe("intro, and longer than the others\nlast");
  });

  test("are counted in documents, and stay where no more hold them than allowed", async () => {
    const parts = [[1, 2, 3].map((i) => document(`d${i}`, `${menu}\n${menu}\ntext number ${"abc"[i - 1]}`))];
    const three = await outcome(parts, { maxDocuments: 3 }, "three");
    expect([...three.texts.values()]).toEqual(parts[0]?.map(({ text }) => text));
    const two = await outcome(parts, { maxDocuments: 2 }, "two");
    // Five of six go: also the second in the document that keeps its first.
    expect(two.counts["repeated-lines.lines"]).toBe(5);
    expect([...two.texts.values()].join("\n").split(menu)).toHaveLength(2);
  });

  test("shorter than the limit in normal form are left alone, and so are empty ones", async () => {
    const parts = [[document("a", "abcd\n\nx\n-----\none"), document("b", "abcd\n\ny\n-----\ntwo")]];
    const { texts } = await outcome(parts, { minLineCharacters: 5 });
    expect([...texts.values()]).toEqual(parts[0]?.map(({ text }) => text));
    const four = await outcome(parts, { minLineCharacters: 4, keepFirst: false }, "four");
    expect([...four.texts.values()]).toEqual(["\nx\n-----\none", "\ny\n-----\ntwo"]);
  });

  test("leave documents too short behind, which are turned away with what was left; untouched short ones stay", async () => {
    const parts = [
      [document("long", `${menu}\n${"y".repeat(100)}`), document("exact", `${menu}\n${"é".repeat(10)}`)],
      [document("less", `${menu}\n${"é".repeat(9)}`), document("tiny", "tiny")],
    ];
    const { texts, left, counts } = await outcome(parts, { minDocumentCharacters: 10 });
    expect(texts.get(idOf("exact"))).toBe("é".repeat(10));
    expect(texts.get(idOf("less"))).toBeNull();
    expect(texts.get(idOf("tiny"))).toBe("tiny");
    expect(left).toEqual([9]);
    expect(counts).toMatchObject({ "cut-lines.turnedAway": 1, "cut-lines.editedDocuments": 1 });
  });

  test("of removed documents are not counted, and scopes do not see each other", async () => {
    const text = `${menu}\nsomething`;
    const removed = await outcome([[document("a", text), document("b", text)]], {}, "removed");
    expect([...removed.texts.values()]).toEqual([text, text]);
    const scoped = [[document("a", text, { scope: 1 })], [document("b", `${menu}\nelse`, { scope: 2 })]];
    expect([...(await outcome(scoped, {}, "scoped")).texts.values()]).toEqual([text, `${menu}\nelse`]);
  });

  test("are the same however documents are spread, and bytes before = bytes after + bytes taken out", async () => {
    const line = fc.constantFrom("alpha beta", "gamma delta", "epsilon", "zeta eta theta", "", "x");
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(line, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (specs, parts, maxDocuments, keepFirst) => {
          const documents = specs.map((lines, i) => document(`p${i}`, `${lines.join("\n")}\nown ${"abcdefghijkl"[i]}`));
          const settings = { maxDocuments, keepFirst };
          const whole = await outcome([documents], settings, `${run++}`);
          const spread = Array.from({ length: parts }, (_, part) => documents.filter((_, i) => i % parts === part));
          const other = await outcome(spread, settings, `${run++}`);
          expect(new Map([...other.texts].sort())).toEqual(new Map([...whole.texts].sort()));
          const bytes = (texts: Iterable<string | null>): number =>
            [...texts].reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0);
          const before = bytes(documents.map(({ text }) => text));
          expect(bytes(whole.texts.values()) + (whole.counts["cut-lines.bytesRemoved"] ?? 0)).toBe(before);
          for (const [id, text] of whole.texts) expect(text, id).toBe(expected(documents, id, maxDocuments, keepFirst));
        },
      ),
      { numRuns: 20 },
    );
  }, 120_000);
});

/** The rule, said plainly. */
function expected(documents: readonly TestDocument[], id: string, maxDocuments: number, keepFirst: boolean): string {
  const keepOrder = documents.toSorted((a, b) => b.text.length - a.text.length || (a.id < b.id ? -1 : 1));
  const seen = new Set<string>();
  for (const document of keepOrder) {
    const kept = document.text.split("\n").filter((line) => {
      const holders = documents.filter(({ text }) => text.split("\n").includes(line)).length;
      if (line.length < 5 || holders <= maxDocuments) return true;
      const isFirst = keepFirst && !seen.has(line);
      seen.add(line);
      return isFirst;
    });
    if (document.id === id) return kept.join("\n");
  }
  throw new Error(`no document ${id}`);
}
