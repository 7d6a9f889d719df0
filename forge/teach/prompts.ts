/** Loads what a prompts file names: its queries and its cross-references, checked before anything is asked. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { z } from "zod";
import { ConfigError, DataError, shippedPath, wrapFileError, type ConfigIssue } from "../base/index.ts";
import type { TeachConfig } from "../../schemas/config/teach.ts";
import { querySchema, type Query } from "../../schemas/record/answer.ts";

/** A JSON Lines file in memory, every line checked. */
export interface JsonLinesFile<T> {
  readonly rows: readonly T[];
  /** SHA-256 of the bytes. */
  readonly sha256: string;
}

/**
 * The prompts file as the user named it; when it is not there, the one that ships with the program.
 *
 * @example resolvePrompts("prompts/orca.yaml", process.cwd())
 */
export function resolvePrompts(path: string, cwd: string): string {
  const own = resolve(cwd, path);
  if (existsSync(own) || isAbsolute(path)) return own;
  const shipped = shippedPath(path);
  return existsSync(shipped) ? shipped : own;
}

/**
 * Reads all queries of a config, in file order.
 *
 * @param folder folder of the prompts file
 * @throws DataError for a bad line or a query id met twice; ConfigError when a name is not defined
 */
export async function loadQueries(config: TeachConfig, folder: string): Promise<JsonLinesFile<Query>> {
  checkReferences(config);
  const rows: Query[] = [];
  const hash = createHash("sha256");
  const seen = new Set<string>();
  for (const name of config.queries) {
    const file = join(folder, name);
    const part = await readJsonLines(file, querySchema);
    hash.update(part.sha256);
    for (const [row, query] of part.rows.entries()) {
      checkQuery(query, config, { file, row });
      if (seen.has(query.id))
        throw new DataError("query-twice", `${file}: query "${query.id}" stands there twice`, { file, row });
      seen.add(query.id);
      rows.push(query);
    }
  }
  if (rows.length === 0) throw new DataError("no-queries", `${config.queries.join(", ")}: no queries`, {});
  return { rows, sha256: hash.digest("hex") };
}

/** Reads a JSON Lines file through a schema. @throws DataError with file and row (counted from 0) */
export async function readJsonLines<Schema extends z.ZodType>(
  file: string,
  schema: Schema,
): Promise<JsonLinesFile<z.output<Schema>>> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw wrapFileError(error, file);
  }
  const rows: z.output<Schema>[] = [];
  for (const [row, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const fail = (message: string): DataError =>
      new DataError("bad-line", `${file}:${row + 1}: ${message}`, { file, row, sample: line.slice(0, 120) });
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (error) {
      throw fail(`not JSON (${(error as Error).message})`);
    }
    const parsed = schema.safeParse(value);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw fail(`${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
    }
    rows.push(parsed.data);
  }
  return { rows, sha256: createHash("sha256").update(text).digest("hex") };
}

function checkReferences(config: TeachConfig): void {
  const issues: ConfigIssue[] = [];
  const ids = config.systems.map((system) => system.id);
  for (const [index, id] of ids.entries()) {
    if (ids.indexOf(id) !== index) issues.push({ path: `systems.${index}.id`, message: `"${id}" is defined twice` });
  }
  for (const [name, { systems }] of Object.entries(config.collections)) {
    for (const id of systems) {
      if (!ids.includes(id)) issues.push({ path: `collections.${name}.systems`, message: `no system message "${id}"` });
    }
  }
  if (issues.length > 0) throw new ConfigError("prompts-invalid", "The prompts file contradicts itself", issues);
}

function checkQuery(
  query: Query,
  config: TeachConfig,
  position: { readonly file: string; readonly row: number },
): void {
  const fail = (message: string): never => {
    throw new DataError("bad-query", `${position.file}:${position.row + 1}: ${message}`, position);
  };
  if (config.collections[query.collection] === undefined)
    fail(`no collection "${query.collection}" in the prompts file`);
  if (
    config.draw === "unless-fixed" &&
    query.system !== undefined &&
    !config.systems.some((system) => system.id === query.system)
  ) {
    fail(`no system message "${query.system}" in the prompts file`);
  }
  if (query.gold?.kind === "option" && query.options?.includes(query.gold.value) !== true) {
    fail(`gold option ${query.gold.value} is not among the options`);
  }
}
