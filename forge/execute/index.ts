/** Runs plans. `localExecutor` is the one there is so far: worker threads on this machine. */
export { localExecutor, type LocalExecutorOptions } from "./local.ts";
