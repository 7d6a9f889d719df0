/** Rows of kernels that quality filters use. */
import { loadFilterKernels } from "../../../forge/kernels/filter-statistics.ts";
import { filterStatisticNames } from "../../../forge/kernels/filter-types.ts";
import { loadKernels } from "../../../forge/kernels/index.ts";
import { missingCorpus, sharedCorpus, type BenchRow } from "../harness.ts";

const megabytes = 20;

/**
 * All counts of Gopher's, C4's and FineWeb's rules over every document, nothing left out early.
 *
 * The peer that counts, datatrove with spaCy's word splitter, was measured at 0.3 MB/s for Gopher's two filters alone
 * (0.53 and 0.59 MB/s each); it is not among the oracles here, so the row compares with the plain twin for equality.
 */
export const filterStatistics: BenchRow = {
  name: "filter-statistics",
  unit: "MB/s",
  async prepare() {
    const lines = sharedCorpus(megabytes);
    if (lines === undefined) return missingCorpus;
    const kernels = await loadKernels();
    const { columns } = kernels.extractJsonLines(lines, { fields: ["text"], maxRecordBytes: 2 ** 24, final: true });
    const column = columns.get("text");
    if (column === undefined) return "the corpus has no texts";
    const fast = await loadFilterKernels({ implementation: "wasm" });
    const plain = await loadFilterKernels({ implementation: "reference" });
    return {
      ours: { name: "forge", run: () => void fast.computeFilterStatistics(column) },
      missingPeer: "datatrove is not installed here; equality is checked against the plain twin",
      amount: (column.offsets[column.length] as number) / 1e6,
      verify() {
        const ours = fast.computeFilterStatistics(column);
        const twin = plain.computeFilterStatistics(column);
        return filterStatisticNames.every((name) => ours[name].every((count, row) => count === twin[name][row]));
      },
    };
  },
};
