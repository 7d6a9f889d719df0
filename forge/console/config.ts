/**
 * Loads a YAML config through its zod schema: every problem at once, each with file, line and column.
 *
 * Precedence, strongest first: flags (`overrides`), `--set a.b=c`, `FORGE_*` from the environment, the file, the
 * schema's defaults. The result is frozen and knows where each value came from (`--show-config`).
 */
import { readFile } from "node:fs/promises";
import { LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { ConfigError, DataError, UsageError, wrapFileError, type ConfigIssue } from "../base/errors.ts";
import { positionOf, toConfigIssues, type YamlSource } from "./config-issues.ts";
import { defaultAt, shapeOf, unwrap, valueAt, type Path } from "./schema-shape.ts";

export interface LoadConfigOptions<T = unknown> {
  /** The config file; without it the config comes from `overrides`, `sets` and defaults. */
  readonly path?: string | undefined;
  /** `a.b=c` assignments of `--set`; the value is read as YAML. */
  readonly sets?: readonly string[];
  /** Values that flags set, by dotted path; undefined ones are ignored. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Environment; `FORGE_SHARD_SEED=7` sets `shard.seed` when the schema has such a key. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What a schema cannot tell: problems of a config that fits it, each with the dotted path of its value. */
  readonly check?: (config: T) => readonly ConfigIssue[];
}

export type ConfigOrigin = "flag" | "set" | "environment" | "file" | "default";

export interface LoadedConfig<T> {
  readonly config: T;
  /** Origin of every leaf, by dotted path. */
  readonly origins: Readonly<Record<string, ConfigOrigin>>;
}

type Tree = { [key: string]: unknown };

/**
 * @throws ConfigError with all issues; UsageError when the file is not there or is a folder; DataError when it cannot be
 *   read otherwise
 */
export async function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  options: LoadConfigOptions<z.output<Schema>> = {},
): Promise<LoadedConfig<z.output<Schema>>> {
  const { path, sets = [], overrides = {}, env = {}, check = () => [] } = options;
  const source = path === undefined ? undefined : await readYaml(path);
  const tree: Tree = source === undefined ? {} : (structuredClone(source.value) as Tree);
  const given: Record<string, ConfigOrigin> = {};
  for (const leaf of leavesOf(tree)) given[leaf.join(".")] = "file";

  const assign = (dotted: string, value: unknown, origin: ConfigOrigin): void => {
    const keys = dotted.split(".");
    setAt(tree, keys, value, (parent) => defaultAt(schema, parent));
    for (const known of Object.keys(given)) if (known === dotted || known.startsWith(`${dotted}.`)) delete given[known];
    for (const leaf of leavesOf(value)) given[[...keys, ...leaf].join(".")] = origin;
  };
  for (const [dotted, value] of environmentValues(schema, env)) assign(dotted, value, "environment");
  for (const text of sets) {
    const [dotted, value] = parseAssignment(text);
    assign(dotted, value, "set");
  }
  for (const [dotted, value] of Object.entries(overrides)) if (value !== undefined) assign(dotted, value, "flag");

  const result = schema.safeParse(tree);
  const issues = result.success
    ? check(result.data).map((issue) => ({ ...positionOf(source, issue.path.split("."), "value"), ...issue }))
    : result.error.issues.flatMap((issue) => toConfigIssues(issue, { schema, value: tree, source }));
  if (!result.success || issues.length > 0) {
    throw new ConfigError(
      "config-invalid",
      `${path ?? "The config"} has ${issues.length} problem${issues.length === 1 ? "" : "s"}`,
      issues.map((issue) => namedByOrigin(issue, given)).sort(byPlace),
    );
  }
  const origins: Record<string, ConfigOrigin> = {};
  for (const leaf of leavesOf(result.data)) {
    const dotted = leaf.join(".");
    origins[dotted] = given[dotted] ?? "default";
  }
  return { config: deepFreeze(result.data), origins };
}

/** The resolved config, one line a value with its origin: what `--show-config` prints. */
export function formatConfig(loaded: LoadedConfig<unknown>): string {
  const rows = leavesOf(loaded.config).map((path) => {
    const dotted = path.join(".");
    return { text: `${dotted}: ${JSON.stringify(valueAt(loaded.config, path))}`, origin: loaded.origins[dotted] };
  });
  const width = Math.min(72, Math.max(0, ...rows.map((row) => row.text.length)));
  return rows.map((row) => `${row.text.padEnd(width)}  # ${row.origin}`).join("\n");
}

async function readYaml(path: string): Promise<YamlSource> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw asNamed(wrapFileError(error, path));
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const issues = document.errors.slice(0, shownErrors).map((error): ConfigIssue => {
      const { line, col } = lines.linePos(error.pos[0]);
      return { path: "", message: error.message, file: path, line, column: col };
    });
    throw new ConfigError("config-not-yaml", `${path} is not valid YAML`, issues);
  }
  const value: unknown = document.toJS() ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ConfigError("config-not-a-map", `${path} must hold keys and values`, [
      { path: "", message: "expected a map at the top level", file: path, line: 1, column: 1 },
    ]);
  }
  return { path, document, lines, value };
}

/** In the order of the file; what does not stand in it comes last. */
function byPlace(a: ConfigIssue, b: ConfigIssue): number {
  return (a.line ?? Infinity) - (b.line ?? Infinity) || (a.column ?? 0) - (b.column ?? 0) || 0;
}

/** Of a file that is no YAML at all: more tell nothing. */
const shownErrors = 5;

/** The command line names the config: that there is none is the command line's fault, and no bad data. */
function asNamed(error: unknown): unknown {
  if (!(error instanceof DataError) || !["file-not-found", "file-is-folder", "file-in-the-way"].includes(error.code))
    return error;
  const { code, message, details } = error;
  return new UsageError(code, message, {
    cause: error,
    hint: "Name a YAML file; docs/recipes/ and prompts/ have some to begin with.",
    ...(details !== undefined && { details }),
  });
}

/** A value that the file does not hold has no line there: the flag, `--set` or variable that gave it is named. */
function namedByOrigin(issue: ConfigIssue, given: Readonly<Record<string, ConfigOrigin>>): ConfigIssue {
  const below = Object.keys(given).find((path) => path.startsWith(`${issue.path}.`) && given[path] !== "file");
  const origin = given[issue.path] ?? (below === undefined || issue.path === "" ? undefined : given[below]);
  if (origin === undefined || origin === "file") return issue;
  const { file: _file, line: _line, column: _column, ...rest } = issue;
  const from = { flag: "given by a flag", set: "given by --set", environment: "given by the environment", default: "" };
  return { ...rest, message: `${issue.message} (${from[origin]})` };
}

/** `FORGE_SHARD_SEED=7` → `["shard.seed", 7]`, for the scalar keys that the schema has. */
function environmentValues(
  schema: z.ZodType,
  env: Readonly<Record<string, string | undefined>>,
): readonly (readonly [string, unknown])[] {
  const found: [string, unknown][] = [];
  const visit = (current: z.ZodType, path: readonly string[]): void => {
    for (const candidate of unwrap(current)) {
      for (const [key, child] of Object.entries(shapeOf(candidate))) {
        const dotted = [...path, key];
        const name = `FORGE_${dotted.map((part) => part.replace(/[A-Z]/g, "_$&").toUpperCase()).join("_")}`;
        const value = env[name];
        if (value !== undefined) found.push([dotted.join("."), parseScalar(value)]);
        visit(child, dotted);
      }
    }
  };
  visit(schema, []);
  return found;
}

function parseAssignment(text: string): readonly [string, unknown] {
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new UsageError("set-malformed", `--set wants PATH=VALUE, got "${text}"`, {
      hint: "For example --set shard.seed=7",
    });
  }
  return [text.slice(0, equals), parseScalar(text.slice(equals + 1))];
}

function parseScalar(text: string): unknown {
  const document = parseDocument(text);
  return document.errors.length > 0 ? text : (document.toJS() as unknown);
}

function leavesOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return path.length === 0 && value === undefined ? [] : [path];
  const entries = Object.entries(value);
  if (entries.length === 0) return path.length === 0 ? [] : [path];
  return entries.flatMap(([key, child]) => leavesOf(child, [...path, key]));
}

/** @param given what stands at a path when the tree has nothing there: a list's default, of which one entry is set */
function setAt(tree: Tree, keys: readonly string[], value: unknown, given: (parent: Path) => unknown): void {
  let current: Tree = tree;
  for (const [depth, key] of keys.slice(0, -1).entries()) {
    const next = current[key];
    if (typeof next !== "object" || next === null) {
      const list = next === undefined && /^\d+$/.test(keys[depth + 1] as string) ? given(keys.slice(0, depth + 1)) : {};
      current[key] = Array.isArray(list) ? list : {};
    }
    current = current[key] as Tree;
  }
  current[keys.at(-1) as string] = value;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value) && !ArrayBuffer.isView(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
