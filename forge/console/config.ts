/**
 * Loads a YAML config through its zod schema: every problem at once, each with file, line and column.
 *
 * Precedence, strongest first: flags (`overrides`), `--set a.b=c`, `FORGE_*` from the environment, the file, the
 * schema's defaults. The result is frozen and knows where each value came from (`--show-config`).
 */
import { readFile } from "node:fs/promises";
import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml";
import type { z } from "zod";
import { ConfigError, UsageError, wrapFileError, type ConfigIssue } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";

export interface LoadConfigOptions {
  /** The config file; without it the config comes from `overrides`, `sets` and defaults. */
  readonly path?: string | undefined;
  /** `a.b=c` assignments of `--set`; the value is read as YAML. */
  readonly sets?: readonly string[];
  /** Values that flags set, by dotted path; undefined ones are ignored. */
  readonly overrides?: Readonly<Record<string, unknown>>;
  /** Environment; `FORGE_SHARD_SEED=7` sets `shard.seed` when the schema has such a key. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export type ConfigOrigin = "flag" | "set" | "environment" | "file" | "default";

export interface LoadedConfig<T> {
  readonly config: T;
  /** Origin of every leaf, by dotted path. */
  readonly origins: Readonly<Record<string, ConfigOrigin>>;
}

type Tree = { [key: string]: unknown };
type Path = readonly (string | number)[];

/**
 * @throws ConfigError with all issues; DataError when the file cannot be read
 */
export async function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  options: LoadConfigOptions = {},
): Promise<LoadedConfig<z.output<Schema>>> {
  const { path, sets = [], overrides = {}, env = {} } = options;
  const source = path === undefined ? undefined : await readYaml(path);
  const tree: Tree = source === undefined ? {} : (structuredClone(source.value) as Tree);
  const given: Record<string, ConfigOrigin> = {};
  for (const leaf of leavesOf(tree)) given[leaf.join(".")] = "file";

  const assign = (dotted: string, value: unknown, origin: ConfigOrigin): void => {
    const keys = dotted.split(".");
    setAt(tree, keys, value);
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
  if (!result.success) {
    const issues = result.error.issues
      .flatMap((issue) => toConfigIssues(issue, schema, source))
      .map((issue) => namedByOrigin(issue, given));
    throw new ConfigError(
      "config-invalid",
      `${path ?? "The config"} has ${issues.length} problem${issues.length === 1 ? "" : "s"}`,
      issues,
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
    return { text: `${dotted}: ${JSON.stringify(getAt(loaded.config, path))}`, origin: loaded.origins[dotted] };
  });
  const width = Math.min(72, Math.max(0, ...rows.map((row) => row.text.length)));
  return rows.map((row) => `${row.text.padEnd(width)}  # ${row.origin}`).join("\n");
}

interface YamlSource {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly value: unknown;
}

async function readYaml(path: string): Promise<YamlSource> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw wrapFileError(error, path);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const issues = document.errors.map((error): ConfigIssue => {
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

/** A value that the file does not hold has no line there: the flag, `--set` or variable that gave it is named. */
function namedByOrigin(issue: ConfigIssue, given: Readonly<Record<string, ConfigOrigin>>): ConfigIssue {
  const origin = given[issue.path];
  if (origin === undefined || origin === "file") return issue;
  const { file: _file, line: _line, column: _column, ...rest } = issue;
  const from = { flag: "given by a flag", set: "given by --set", environment: "given by the environment", default: "" };
  return { ...rest, message: `${issue.message} (${from[origin]})` };
}

function toConfigIssues(issue: z.core.$ZodIssue, schema: z.ZodType, source: YamlSource | undefined): ConfigIssue[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path);
    return issue.keys.map((key) => {
      const suggestion = closest(key, known);
      return {
        path: [...path, key].join("."),
        message: "unknown key",
        ...positionOf(source, [...path, key], "key"),
        hint: suggestion === undefined ? `known: ${known.join(", ")}` : `did you mean "${suggestion}"?`,
      };
    });
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The branch that got furthest is the one the user meant.
    const best = [...issue.errors].sort((a, b) => depthOf(b) - depthOf(a))[0] ?? [];
    if (depthOf(best) > 0) {
      return best.flatMap((inner) => toConfigIssues({ ...inner, path: [...path, ...inner.path] }, schema, source));
    }
  }
  return [{ path: path.join("."), message: lowerFirst(issue.message), ...positionOf(source, path, "value") }];
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Line and column of a path; of its nearest parent when the key is missing. */
function positionOf(
  source: YamlSource | undefined,
  path: Path,
  part: "key" | "value",
): Pick<ConfigIssue, "file" | "line" | "column"> {
  if (source === undefined) return {};
  let node: unknown = source.document.contents;
  let offset = 0;
  for (const [depth, key] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(key),
      );
      if (pair === undefined) break;
      const target = (depth === path.length - 1 && part === "key" ? pair.key : (pair.value ?? pair.key)) as Node;
      offset = target.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      const item = node.items[Number(key)] as Node | undefined;
      if (item === undefined) break;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else break;
  }
  const { line, col } = source.lines.linePos(offset);
  return { file: source.path, line, column: col };
}

/** The keys that an object schema knows at a path, looking through defaults, optionals and unions. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let candidates = unwrap(schema);
  for (const key of path) candidates = candidates.flatMap((candidate) => unwrap(childOf(candidate, key)));
  return [...new Set(candidates.flatMap((candidate) => Object.keys(shapeOf(candidate))))];
}

/** What is needed of zod's internals to walk a schema; see zod's `core` types. */
interface SchemaDefinition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly shape?: Readonly<Record<string, z.ZodType>>;
}

function definitionOf(schema: z.ZodType): SchemaDefinition {
  return schema.def;
}

function unwrap(schema: z.ZodType | undefined): z.ZodType[] {
  if (schema === undefined) return [];
  const definition = definitionOf(schema);
  if (definition.innerType !== undefined) return unwrap(definition.innerType);
  if (definition.type === "pipe") return unwrap(definition.in);
  if (definition.options !== undefined && definition.type === "union") return definition.options.flatMap(unwrap);
  return [schema];
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return definitionOf(schema).shape ?? {};
}

function childOf(schema: z.ZodType, key: string | number): z.ZodType | undefined {
  const definition = definitionOf(schema);
  return definition.shape?.[String(key)] ?? definition.element ?? definition.valueType;
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

function setAt(tree: Tree, keys: readonly string[], value: unknown): void {
  let current: Tree = tree;
  for (const key of keys.slice(0, -1)) {
    const next = current[key];
    if (typeof next !== "object" || next === null) current[key] = {};
    current = current[key] as Tree;
  }
  current[keys.at(-1) as string] = value;
}

function getAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((current, key) => (current as Tree)[key], value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value) && !ArrayBuffer.isView(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
