/** Loss on held-out data, and generation. */
export * from "./generate.ts";
export * from "./loss.ts";
