export * from "./command.ts";
export * from "./config.ts";
export * from "./format.ts";
export * from "./issues.ts";
export * from "./program.ts";
export * from "./progress.ts";
export * from "./style.ts";
export * from "../base/suggest.ts";
