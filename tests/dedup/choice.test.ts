import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { random } from "../../forge/base/index.ts";
import { normalizeUrl } from "../../forge/dedup/url.ts";
import { parseDate } from "../../forge/dedup/keep-order.ts";
import { dedupConfigSchema, type DedupConfig } from "../../schemas/config/dedup.ts";
import { idOf, partitionsOf, runDedup, trueJaccard, type Fate, type TestDocument } from "./support.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-choice-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const config = (values: Partial<DedupConfig> = {}): DedupConfig => dedupConfigSchema.parse(values);
const document = (name: string, text: string, rest: Partial<TestDocument> = {}): TestDocument => ({
  id: idOf(name),
  text,
  ...rest,
});
const kept = (fates: ReadonlyMap<string, Fate>, names: readonly string[]): string[] =>
  names.filter((name) => fates.get(idOf(name))?.reason === undefined);
/** A text of so many words from a family of its own. */
const prose = (family: string, from: number, count: number): string =>
  Array.from(
    { length: count },
    (_, i) => `${family}${String.fromCodePoint(97 + ((from + i) % 26))}${spell(from + i)}`,
  ).join(" ");
const spell = (value: number): string => [...String(value)].map((digit) => "klmnopqrst"[Number(digit)]).join("");

describe("which copy stays", () => {
  const text = prose("x", 0, 40);

  test("the newest by choice, before source, quality and length; without a date comes last", async () => {
    const documents = [
      [document("old", `${text}!!!`, { date: "2023-05-01", sourceRank: 0 })],
      [document("new", text, { date: "2024-01-31T10:00:00+02:00", sourceRank: 1 })],
      [document("newer", text, { date: "2024-01-31T08:00:00.001Z", sourceRank: 2 })],
      [document("never", text, { sourceRank: 0 }), document("nonsense", text, { date: "31.12.2025", sourceRank: 0 })],
    ];
    const names = ["old", "new", "newer", "never", "nonsense"];
    const newest = await runDedup(partitionsOf(documents), config({ keep: "newest" }), join(folder, "newest"));
    expect(kept(newest.fates, names)).toEqual(["newer"]);
    const first = await runDedup(partitionsOf(documents), config(), join(folder, "first"));
    expect(kept(first.fates, names)).toEqual(["old"]);
  });

  test("dates are ISO 8601; a time without a zone is UTC, anything else is no date", () => {
    const day = parseDate("2024-02-29") ?? 0;
    expect(parseDate("2024-02-29T00:00:00Z")).toBe(day);
    expect(parseDate("2024-02-29 00:00")).toBe(day);
    expect(parseDate("2024-02-29T02:00:00+0200")).toBe(day);
    expect(parseDate("2024-02")).toBe((parseDate("2024-01-31") ?? 0) + 86_400_000);
    for (const bad of ["", "yesterday", "29 Feb 2024", "2024-13-01", 20_240_229, null]) {
      expect(parseDate(bad), String(bad)).toBeUndefined();
    }
  });

  test("documents of two scopes are never compared, by URL, exactly or nearly", async () => {
    const near = `${prose("x", 0, 39)} other`;
    expect(trueJaccard(text, near)).toBeGreaterThanOrEqual(0.8);
    const parts = [
      [document("a1", text, { scope: 1 }), document("a2", text, { scope: 1 })],
      [document("b1", text, { scope: 2 }), document("b2", near, { scope: 2 })],
      [document("c1", near, { scope: 3 })],
    ];
    const names = ["a1", "a2", "b1", "b2", "c1"];
    const dense = { bands: 64, rows: 2 };
    const apart = await runDedup(partitionsOf(parts), config(dense), join(folder, "apart"));
    expect(kept(apart.fates, names)).toHaveLength(3);
    expect(new Set(kept(apart.fates, names).map((name) => name[0]))).toEqual(new Set(["a", "b", "c"]));
    const together = parts.map((part) => part.map((one) => ({ ...one, scope: 0 })));
    const whole = await runDedup(partitionsOf(together), config(dense), join(folder, "whole"));
    expect(kept(whole.fates, names)).toHaveLength(1);
    const pages = [1, 2].map((scope) =>
      ["first", "second"].map((name) =>
        document(`${name} ${scope}`, prose(`${name[0]}${"xyz"[scope]}`, 0, 20), { scope, url: "http://a.test/" }),
      ),
    );
    const byUrl = await runDedup(partitionsOf(pages), config({ url: true }), join(folder, "url"));
    const left = kept(
      byUrl.fates,
      [1, 2].flatMap((scope) => [`first ${scope}`, `second ${scope}`]),
    );
    expect(left.map((name) => name.at(-1))).toEqual(["1", "2"]);
  });
});

describe("equal URLs", () => {
  test.each([
    ["HTTP://Example.ORG:80/a/", "http://example.org/a"],
    ["https://example.org:443", "https://example.org"],
    ["https://example.org:8443/", "https://example.org:8443"],
    ["https://example.org/a#part", "https://example.org/a"],
    ["https://user:secret@example.org/a", "https://example.org/a"],
    ["https://example.org/?b=2&utm_source=x&a=1&UTM_Medium=y", "https://example.org?a=1&b=2"],
    ["https://example.org/a?x=2&x=1", "https://example.org/a?x=2&x=1"],
    ["https://Bücher.example/A", "https://xn--bcher-kva.example/A"],
    [" not a url ", "not a url"],
  ])("%s is %s", (url, normal) => {
    expect(normalizeUrl(url)).toBe(normal);
    expect(normalizeUrl(normal)).toBe(normal);
  });

  test("leave one document when asked for, which the others name; documents without one are left alone", async () => {
    const documents = [
      document("first", prose("a", 0, 60), { url: "https://example.org/page?utm_source=feed" }),
      document("later", prose("b", 0, 50), { url: "https://EXAMPLE.org/page/" }),
      document("other", prose("c", 0, 40), { url: "https://example.org/other" }),
      document("none", prose("d", 0, 40)),
      document("blank", prose("e", 0, 40), { url: " " }),
      document("empty", prose("f", 0, 40), { url: "" }),
    ];
    const names = ["first", "later", "other", "none", "blank", "empty"];
    const on = await runDedup(partitionsOf([documents]), config({ url: true }), join(folder, "on"));
    expect(kept(on.fates, names)).toEqual(["first", "other", "none", "blank", "empty"]);
    expect(on.fates.get(idOf("later"))).toMatchObject({
      reason: "same-url",
      partner: idOf("first"),
      jaccard: undefined,
      clusterSize: 0,
    });
    expect(on.fates.get(idOf("first"))?.clusterSize).toBe(2);
    const off = await runDedup(partitionsOf([documents]), config(), join(folder, "off"));
    expect(kept(off.fates, names)).toEqual(names);
  });

  test("do not stand between a document and a page whose kept version is itself a copy: it has its own text", async () => {
    const names = ["best", "copy", "near", "page", "other", "again", "shouted"];
    const { fates } = await runDedup(
      partitionsOf([
        [
          document("best", prose("a", 0, 80), { url: "https://example.org/1" }),
          // Removed as copies of the best; later versions of their pages are not like it.
          document("copy", prose("a", 0, 80).toUpperCase(), { url: "https://example.org/2" }),
          document("near", prose("a", 3, 75), { url: "https://example.org/3" }),
          document("page", prose("b", 0, 30), { url: "https://example.org/2" }),
          document("other", prose("c", 0, 30), { url: "https://example.org/3" }),
          // The next versions are of the same URL as those, or like the best, too.
          document("again", prose("d", 0, 20), { url: "https://example.org/3" }),
          document("shouted", prose("c", 0, 30).toUpperCase(), { url: "https://example.org/3" }),
        ],
      ]),
      config({ url: true, bands: 64, rows: 2 }),
      folder,
    );
    const winner = kept(fates, ["best", "copy"]);
    expect(winner).toHaveLength(1);
    const other = kept(fates, ["other", "shouted"]);
    expect(other).toHaveLength(1);
    expect(kept(fates, names).toSorted()).toEqual([...winner, "page", ...other].toSorted());
    expect(fates.get(idOf("near"))).toMatchObject({ reason: "near-duplicate", partner: idOf(winner[0] ?? "") });
    expect(fates.get(idOf("again"))).toMatchObject({ reason: "same-url", partner: idOf(other[0] ?? "") });
    expect(fates.get(idOf(winner[0] ?? ""))?.clusterSize).toBe(3);
    expect(fates.get(idOf(other[0] ?? ""))?.clusterSize).toBe(3);
  });

  test("of a removed version count for nothing, so a copy of its text elsewhere stays", async () => {
    const { fates } = await runDedup(
      partitionsOf([
        [
          document("first", prose("a", 0, 60), { url: "https://example.org/1" }),
          document("second", prose("b", 0, 40), { url: "https://example.org/1", sourceRank: 0 }),
          document("mirror", prose("b", 0, 40), { url: "https://example.org/2" }),
        ],
      ]),
      config({ url: true }),
      folder,
    );
    expect(kept(fates, ["first", "second", "mirror"])).toEqual(["first", "mirror"]);
    // The stronger evidence is what is named.
    expect(fates.get(idOf("second"))).toMatchObject({ reason: "exact-duplicate", partner: idOf("mirror"), jaccard: 1 });
  });

  test(
    "leave no removal without a kept partner of which its reason is true, and no two kept documents of a URL or text",
    { timeout: 240_000 },
    async () => {
      let run = 0;
      const spec = fc.record({
        family: fc.nat(2),
        start: fc.nat(8),
        length: fc.oneof(fc.constantFrom(3, 40), fc.integer({ min: 0, max: 60 })),
        loud: fc.boolean(),
        url: fc.option(fc.nat(4)),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(spec, { minLength: 1, maxLength: 24 }),
          fc.integer({ min: 1, max: 4 }),
          fc.nat(1000),
          async (specs, parts, seed) => {
            const documents = specs.map(({ family, start, length, loud, url }, i) => {
              const text = prose("abc"[family] ?? "", start, length);
              return document(`p${i}`, loud ? text.toUpperCase() : text, {
                ...(url !== null && { url: `https://example.org/${url}` }),
              });
            });
            const settings = config({ url: true, bands: 16, rows: 2 });
            const { fates, counts } = await runDedup(partitionsOf([documents]), settings, join(folder, `${run++}`));
            const shuffled = random(seed).shuffle([...documents]);
            const spread = Array.from({ length: parts }, (_, part) => shuffled.filter((_, i) => i % parts === part));
            const other = await runDedup(partitionsOf(spread), settings, join(folder, `${run++}`), { shuffle: seed });
            expect(new Map([...other.fates].sort())).toEqual(new Map([...fates].sort()));
            const byId = new Map(documents.map((one) => [one.id, one]));
            const isKept = (id: string): boolean => fates.get(id)?.reason === undefined;
            const holds = {
              "same-url": (a: TestDocument, b: TestDocument) => a.url !== undefined && a.url === b.url,
              "exact-duplicate": (a: TestDocument, b: TestDocument) => a.text === b.text,
              "same-normal-form": (a: TestDocument, b: TestDocument) => a.text.toLowerCase() === b.text.toLowerCase(),
              "near-duplicate": (a: TestDocument, b: TestDocument) => trueJaccard(a.text, b.text) >= 0.8,
            };
            for (const [id, { reason, partner = "" }] of fates) {
              if (reason === undefined) continue;
              expect(isKept(partner), "the partner is kept").toBe(true);
              expect(holds[reason](byId.get(id) as TestDocument, byId.get(partner) as TestDocument), reason).toBe(true);
            }
            const left = documents.filter(({ id }) => isKept(id));
            const distinct = (values: readonly (string | undefined)[]): boolean => {
              const there = values.filter((value) => value !== undefined && value !== "");
              return new Set(there).size === there.length;
            };
            expect(distinct(left.map(({ url }) => url)), "one document of each URL").toBe(true);
            expect(distinct(left.map(({ text }) => text.toLowerCase())), "one document of each text").toBe(true);
            expect([...fates.values()].reduce((sum, { clusterSize }) => sum + clusterSize, 0)).toBe(documents.length);
            const names = ["kept", "url", "exact", "normalForm", "near"];
            expect(names.reduce((sum, name) => sum + (counts[`decide.${name}`] ?? 0), 0)).toBe(documents.length);
          },
        ),
        { numRuns: 25 },
      );
    },
  );
});
