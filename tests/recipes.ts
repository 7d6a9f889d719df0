/** The recipes of corpora: those files of docs/recipes that say to be given to `forge build-corpus`. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../forge/base/locate.ts";

/** Their names without `.yaml`, sorted. */
export async function corpusRecipes(): Promise<readonly string[]> {
  const folder = join(packageRoot, "docs", "recipes");
  const names: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort()) {
    const text = await readFile(join(folder, file), "utf8");
    if (text.includes(`forge build-corpus docs/recipes/${file}`)) names.push(file.replace(/\.yaml$/, ""));
  }
  return names;
}
