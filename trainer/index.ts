/** The library face of `trainer`: what its commands call, for programs that want no command line. */
export * from "./backends/index.ts";
export * from "./checkpoint/index.ts";
export * from "./data/index.ts";
export * from "./evaluate/index.ts";
export * from "./model/index.ts";
export * from "./optimize/index.ts";
export * from "./plan/index.ts";
export * from "./run.ts";
