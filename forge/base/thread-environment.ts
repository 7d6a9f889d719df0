/** What a worker thread must be told of this one, so that it starts as quickly. */
import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

/**
 * Lets a thread keep compiled modules where this one does: `module.enableCompileCache` holds for one thread alone, and
 * each would compile, and strip of types, all that it loads.
 */
export function threadEnvironment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir();
  // The folder that is in use lies, by version of Node, in the one to name.
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) };
}
