import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
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

  test("documents of two scopes are never compared, exactly or nearly", async () => {
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

  test("whose kept document is itself a copy name the document that is kept in the end", async () => {
    const { fates } = await runDedup(
      partitionsOf([
        [
          document("best", prose("a", 0, 80), { url: "https://example.org/1" }),
          document("copy", prose("a", 0, 80).toUpperCase(), { url: "https://example.org/2", quality: 0 }),
          document("page", prose("b", 0, 30), { url: "https://example.org/2" }),
        ],
      ]),
      config({ url: true }),
      folder,
    );
    const [winner] = kept(fates, ["best", "copy"]);
    expect(fates.get(idOf("page"))).toMatchObject({ reason: "same-url", partner: idOf(winner ?? "") });
    expect(fates.get(idOf(winner ?? ""))?.clusterSize).toBe(3);
  });
});
