/** What a schema has against a config, in words that name the place in the user's file and what is expected there. */
import { isMap, isPair, isScalar, isSeq, type Document, type LineCounter, type Node } from "yaml";
import type { z } from "zod";
import type { ConfigIssue } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import { keysAt, valueAt, type Path } from "./schema-shape.ts";

/** A parsed file, which knows where each of its values stands. */
export interface YamlSource {
  readonly path: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
  readonly value: unknown;
}

/** What an issue is about. */
export interface IssueContext {
  readonly schema: z.ZodType;
  /** The config as it was given. */
  readonly value: unknown;
  readonly source: YamlSource | undefined;
}

/** An issue of zod as ours: one for each unknown key, and of a union those of the branch that the user meant. */
export function toConfigIssues(issue: z.core.$ZodIssue, context: IssueContext): ConfigIssue[] {
  const { schema, value, source } = context;
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    const known = keysAt(schema, path, value);
    return issue.keys.map((key) => ({
      path: [...path, key].join("."),
      message: "unknown key",
      ...positionOf(source, [...path, key], "key"),
      hint: suggestion(key, known),
    }));
  }
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    // The branch that got furthest is the one the user meant.
    const best = [...issue.errors].sort((a, b) => depthOf(b) - depthOf(a))[0] ?? [];
    if (depthOf(best) > 0) {
      return best.flatMap((inner) => toConfigIssues({ ...inner, path: [...path, ...inner.path] }, context));
    }
  }
  return [{ path: path.join("."), ...describe(issue, valueAt(value, path)), ...positionOf(source, path, "value") }];
}

/** Line and column of a path; of its nearest parent when the key is missing. */
export function positionOf(
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

/** What is wrong with a value, and what was probably meant. */
function describe(issue: z.core.$ZodIssue, value: unknown): Pick<ConfigIssue, "message" | "hint"> {
  const known = choicesOf(issue);
  if (known !== undefined) {
    const hint = suggestion(String(value), known);
    return value === undefined ? { message: "is missing", hint } : { message: `${show(value)} is not known`, hint };
  }
  const expected = expectationOf(issue);
  if (expected === undefined) return { message: issue.message.charAt(0).toLowerCase() + issue.message.slice(1) };
  return { message: value === undefined ? `is missing: ${expected}` : `${expected}, not ${show(value)}` };
}

/** The words that an enumeration or the key of a union takes. */
function choicesOf(issue: z.core.$ZodIssue): readonly string[] | undefined {
  if (issue.code === "invalid_value") return issue.values.map(String);
  // zod gives the values of a discriminator, though its type does not say so.
  const { options } = issue as { readonly options?: unknown };
  return issue.code === "invalid_union" && Array.isArray(options) ? options.map(String) : undefined;
}

const typeNames: Readonly<Record<string, string>> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "a map of keys and values",
  record: "a map of keys and values",
  string: "text",
};

function expectationOf(issue: z.core.$ZodIssue): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${typeNames[issue.expected] ?? issue.expected}`;
    case "invalid_union": {
      const branches = issue.errors.map(([first]) => first && alternative(first));
      return branches.length > 0 && branches.every((one) => one !== undefined)
        ? `expected ${[...new Set(branches)].join(" or ")}`
        : undefined;
    }
    case "too_small":
      return `expected ${amount(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum)}`;
    case "too_big":
      return `expected ${amount(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum)}`;
    default:
      return undefined;
  }
}

/** What one branch of a union expects. */
function alternative(issue: z.core.$ZodIssue): string | undefined {
  if (issue.code === "invalid_value") return issue.values.map((value) => JSON.stringify(value)).join(" or ");
  return expectationOf(issue)?.replace(/^expected /, "");
}

function amount(origin: string, bound: string, limit: number | bigint): string {
  const entries = limit === 1 || limit === 1n ? "entry" : "entries";
  const unit = origin === "string" ? " characters" : origin === "array" || origin === "set" ? ` ${entries}` : "";
  return `${bound} ${String(limit)}${unit}`;
}

function suggestion(word: string, known: readonly string[]): string {
  const near = closest(word, known);
  return near === undefined ? `known: ${known.join(", ")}` : `did you mean "${near}"?`;
}

/** A value as it may have been written, shortened. */
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}
