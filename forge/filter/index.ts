/**
 * The door of filtering: documents are kept, or turned away for a named reason with the measured value.
 *
 * What is measured is defined in forge/kernels/filter-types.ts, the limits in schemas/config/filter.ts.
 */
export { createFilters, signalNames, type FilterChain, type FilteredBatch, type Rejection } from "./chain.ts";
export { filterModels, type FilterModel } from "./language.ts";
