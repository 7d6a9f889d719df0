/** Models as pure descriptions. */
export * from "./gpt2.ts";
export * from "./spec.ts";
