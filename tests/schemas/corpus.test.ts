import { describe, expect, it } from "vitest";
import { z } from "zod";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";

const smallest = { name: "x", sources: [{ name: "a", path: "*.md" }] };

describe("the config of build-corpus", () => {
  it("needs a name and one source; the rest is FineWeb's filters and our defaults", () => {
    const config = corpusConfigSchema.parse(smallest);
    expect(config.filters.map(({ filter }) => filter)).toEqual([
      "language",
      "gopher-repetition",
      "gopher-quality",
      "c4",
      "fineweb",
    ]);
    expect(config.read.maxRecordBytes).toBe(16 * 2 ** 20);
    expect(config.filters[3]).toMatchObject({ terminalPunctuation: false, minSentences: 5 });
  });

  it.each([
    ["no source", { name: "x", sources: [] }],
    ["an unknown key", { ...smallest, filtres: [] }],
    ["a source with path and preset", { name: "x", sources: [{ name: "a", path: "b", preset: "brown-corpus" }] }],
    ["a source with neither", { name: "x", sources: [{ name: "a" }] }],
    ["two sources of one name", { name: "x", sources: [smallest.sources[0], smallest.sources[0]] }],
    ["an unknown filter", { ...smallest, filters: [{ filter: "goffer" }] }],
    ["a filter twice", { ...smallest, filters: [{ filter: "c4" }, { filter: "c4" }] }],
    ["a fraction above 1", { ...smallest, filters: [{ filter: "fineweb", maxShortLines: 1.5 }] }],
  ])("refuses %s", (_name, config) => {
    expect(corpusConfigSchema.safeParse(config).success).toBe(false);
  });

  it("describes every key", () => {
    const missing: string[] = [];
    const visit = (schema: z.core.JSONSchema.BaseSchema, path: string): void => {
      for (const [name, value] of Object.entries(schema.properties ?? {})) {
        const property = value as z.core.JSONSchema.BaseSchema;
        const at = `${path}.${name}`;
        if (property.description === undefined && property.const === undefined) missing.push(at);
        visit(property, at);
      }
      for (const inner of [schema.items, ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) {
        if (typeof inner === "object" && !Array.isArray(inner)) visit(inner, path);
      }
    };
    visit(z.toJSONSchema(corpusConfigSchema, { io: "input" }), "config");
    expect(missing).toEqual([]);
  });
});
