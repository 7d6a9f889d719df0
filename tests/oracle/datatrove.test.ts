/**
 * Signatures and filters' statistics against datatrove itself, on real documents, where both are given the same words,
 * hash and permutations. The bench rows `minhash-signature` and `filter-statistics` do the same on ten times as many.
 */
import { describe, expect, test } from "vitest";
import { filterClassTable } from "../../forge/kernels/filter-classes.ts";
import { loadFilterKernels } from "../../forge/kernels/filter-statistics.ts";
import { wasmFilterStatistics } from "../../forge/kernels/filter-wasm.ts";
import { loadKernels, type TextColumn } from "../../forge/kernels/index.ts";
import { ownKernelInstance } from "../../forge/kernels/own-instance.ts";
import { filterStatistics } from "../../forge/kernels/reference/filter-statistics.ts";
import { c4FilterSchema } from "../../schemas/config/filter.ts";
import { compareSignatures, compareStatistics } from "../bench/kernels/compatibility.ts";
import { everyNth, stringsOf, textBatches } from "../bench/kernels/corpus.ts";
import { findDatatrove } from "../bench/kernels/datatrove.ts";
import { missingCorpus } from "../bench/harness.ts";

const found = findDatatrove();
const batches = typeof found === "string" ? undefined : await textBatches(Number.POSITIVE_INFINITY);
const reason = typeof found === "string" ? found : batches === undefined ? missingCorpus : undefined;

describe.skipIf(reason !== undefined)(`datatrove${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  const datatrove = (): Exclude<typeof found, string> => {
    if (typeof found === "string") throw new Error(found);
    return found;
  };
  const column: TextColumn = everyNth(batches ?? [], 40);

  test("makes the same normal forms and signatures of words between white space", async () => {
    const { result } = await datatrove().run("minhash-whitespace", stringsOf([column]));
    for (const implementation of ["reference", "wasm"] as const) {
      const kernels = await loadKernels({ implementation });
      const { documents, misses } = compareSignatures(kernels, column, result);
      expect(documents).toBe(column.length);
      expect(misses).toEqual([]);
    }
  });

  test("compares the same values with its limits, of words between white space", async () => {
    const { result } = await datatrove().run("filters-whitespace", stringsOf([column]));
    const classes = filterClassTable("whitespace");
    const instance = ownKernelInstance();
    if (instance === undefined) throw new Error("the WebAssembly kernels do not run here");
    const counts = {
      reference: filterStatistics(column, classes),
      wasm: wasmFilterStatistics(instance, classes)(column),
    };
    // As shipped: lines need a full stop.
    const rules = c4FilterSchema.parse({ filter: "c4", terminalPunctuation: true });
    for (const implementation of ["reference", "wasm"] as const) {
      const kernels = await loadFilterKernels({ implementation });
      const compared = compareStatistics(counts[implementation], kernels.editC4Lines(column, rules), result.documents);
      expect(compared.values).toBeGreaterThan(25 * column.length);
      expect(compared.misses).toEqual([]);
    }
  });
});
