/** What reading did to texts, from the dotted counts of ingest tasks to the manifest's figures. */
import { textFiguresSchema, type TextFigures } from "../../schemas/run/corpus-manifest.ts";

/** Adds up counts such as `redact.found.email`; names without a dot belong to others. */
export function textFigures(results: readonly object[]): TextFigures {
  const total: Tree = { extract: {}, repair: {}, redact: { found: {} } };
  for (const result of results) {
    for (const [name, count] of Object.entries(result)) {
      const path = name.split(".");
      if (path.length > 1) addAt(total, path, count as number);
    }
  }
  const { extract, repair, redact } = total as Record<string, Tree>;
  const zero = { changed: 0, bytesIn: 0, bytesOut: 0 };
  return textFiguresSchema.parse({
    extract: { pages: 0, bytesIn: 0, bytesOut: 0, cut: 0, ...extract },
    repair: { ...zero, composed: 0, controls: 0, mojibake: 0, ...repair },
    redact: { ...zero, ...redact },
  });
}

interface Tree {
  [name: string]: number | Tree;
}

function addAt(tree: Tree, path: readonly string[], count: number): void {
  const [name = "", ...rest] = path;
  const there = tree[name];
  if (rest.length === 0) tree[name] = (typeof there === "number" ? there : 0) + count;
  else addAt((tree[name] = typeof there === "object" ? there : {}), rest, count);
}
