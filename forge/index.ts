/** The library face of `forge`: what its commands call, for programs that want no command line. */
export * from "./base/index.ts";
export * from "./card/index.ts";
export * from "./dedup/index.ts";
export * from "./kernels/bpe.ts";
export * from "./kernels/fasttext.ts";
export * from "./kernels/index.ts";
export { NgramIndex, planNgramIndex, type NgramHits } from "./kernels/ngram-index.ts";
export { normalWordSpans } from "./kernels/normal-words.ts";
export * from "./pipeline/index.ts";
export * from "./shard/index.ts";
export * from "./teach/index.ts";
export * from "./tokenize/index.ts";
