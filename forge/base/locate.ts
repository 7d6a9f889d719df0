/**
 * Finds files that belong to the program: worker entry points, `.wasm` modules, shipped data.
 *
 * Sources run unbuilt (`.ts`), the published package runs from `dist/` (`.js`), and `new URL("./x.ts", import.meta.url)`
 * is not rewritten by the build, so every such path goes through here.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The package's root: the folder that holds its package.json. */
export const packageRoot: string = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

/** True when the program runs from sources, false when from the built package. */
export const runsFromSource: boolean = import.meta.url.endsWith(".ts");

/**
 * A module beside the caller as a URL for `new Worker`, with the extension that exists here.
 *
 * @example moduleUrl(import.meta.url, "./worker.ts")
 */
export function moduleUrl(from: string, relative: `${string}.ts`): URL {
  return new URL(runsFromSource ? relative : relative.replace(/\.ts$/, ".js"), from);
}

/** A data file beside the caller (for instance a `.wasm`), as a path. The build copies such files beside the code. */
export function assetPath(from: string, relative: string): string {
  return fileURLToPath(new URL(relative, from));
}

/** A file that ships in the package's root, such as `prompts/orca.yaml`. */
export function shippedPath(...parts: readonly string[]): string {
  return join(packageRoot, ...parts);
}

function findPackageRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json"))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error(`No package.json above ${start}`);
    folder = parent;
  }
  return folder;
}
