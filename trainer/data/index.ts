/** Token shards and answers as batches, in an order that is a pure function of the seed. */
export * from "./answers.ts";
export * from "./order.ts";
export * from "./samples.ts";
export * from "./windows.ts";
export * from "./token-bytes.ts";
