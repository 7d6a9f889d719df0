export * from "./concurrent.ts";
export * from "./errors.ts";
export * from "./events.ts";
export * from "./files.ts";
export * from "./locate.ts";
export * from "./lock.ts";
export * from "./random.ts";
