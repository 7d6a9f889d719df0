/**
 * The door of filtering: documents are kept, or turned away for a named reason with the measured value.
 *
 * What is measured is defined in forge/kernels/filter-types.ts, the limits in schemas/config/filter.ts.
 */
export { checkFilters } from "./check.ts";
export { createFilters, measuresText, signalNames, wholeLists, type FilterChain, type FilterLists } from "./chain.ts";
export { filterFiles, type FilterFile } from "./language.ts";
export type { FilteredBatch, KnownFacts, Rejection } from "./state.ts";
export { textSignalNames } from "./signals.ts";
