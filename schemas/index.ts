/** The contracts: configs, records, and what runs write. */
export * from "./config/corpus.ts";
export * from "./config/dedup.ts";
export * from "./config/filter.ts";
export * from "./config/shard.ts";
export * from "./config/teach.ts";
export * from "./config/train.ts";
export * from "./record/answer.ts";
export * from "./record/chat.ts";
export * from "./record/document.ts";
export * from "./record/reject.ts";
export * from "./record/tokens.ts";
export * from "./run/corpus-manifest.ts";
export * from "./run/manifest.ts";
export * from "./run/plan.ts";
