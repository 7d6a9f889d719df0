/** The output folder that a command line names: it must be there, and the message says what is. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { closest, exists, UsageError } from "../base/index.ts";
import type { CommandInput } from "../console/command.ts";

/**
 * Finds the folder.
 *
 * @returns its absolute path, and the name that the user gave it
 * @throws UsageError `folder-missing`, `folder-not-found`, `folder-is-file`
 */
export async function outputFolder({
  argument,
  cwd,
}: Pick<CommandInput, "argument" | "cwd">): Promise<{ readonly folder: string; readonly name: string }> {
  if (argument === undefined) throw new UsageError("folder-missing", "Name the output folder");
  const folder = resolve(cwd, argument);
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) {
    throw new UsageError("folder-not-found", `The folder ${argument} does not exist`, {
      hint: await outputsNear(argument, cwd),
    });
  }
  if (!found.isDirectory()) {
    throw new UsageError("folder-is-file", `${argument} is a file; the output folder of a run is expected`, {
      hint: await outputsNear(argument, cwd),
    });
  }
  return { folder, name: argument };
}

/** Which finished outputs stand beside what was named, or in `shards/`. */
async function outputsNear(argument: string, cwd: string): Promise<string> {
  const parents = [...new Set([dirname(argument), "shards"])];
  const names = await Promise.all(
    parents.map(async (parent) => {
      const entries = await readdir(resolve(cwd, parent)).catch(() => []);
      const outputs = await Promise.all(
        entries.map(async (name) => ((await exists(resolve(cwd, parent, name, "manifest.json"))) ? [name] : [])),
      );
      return outputs.flat().map((name) => join(parent, name));
    }),
  );
  const known = names.flat().sort();
  const byName = new Map(known.map((path) => [basename(path), path]));
  const near = closest(basename(argument), [...byName.keys()]);
  if (near !== undefined) return `Did you mean ${byName.get(near)}?`;
  if (known.length === 0) return "Make one first: forge build-corpus CONFIG.yaml";
  return `Outputs here: ${known.slice(0, 5).join(", ")}${known.length > 5 ? ", …" : ""}`;
}
