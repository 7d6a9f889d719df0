/** What zod schemas know: their keys, their defaults, and which branch of a union a value means. */
import type { z } from "zod";

/** Keys and indexes from the top of a value to a place in it. */
export type Path = readonly (string | number)[];

/** What is needed of zod's internals to walk a schema; see zod's `core` types. */
interface SchemaDefinition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
  readonly options?: readonly z.ZodType[];
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly values?: readonly unknown[];
  readonly defaultValue?: unknown;
}

/** The keys that an object schema knows at a path, of a union those of the branch that the value means. */
export function keysAt(schema: z.ZodType, path: Path, value: unknown): string[] {
  let candidates = meant(unwrap(schema), value);
  let current = value;
  for (const key of path) {
    current = valueAt(current, [key]);
    candidates = meant(
      candidates.flatMap((candidate) => unwrap(childOf(candidate, key))),
      current,
    );
  }
  return [...new Set(candidates.flatMap((candidate) => Object.keys(shapeOf(candidate))))];
}

/** The default of the schema at a path, if there is one. */
export function defaultAt(schema: z.ZodType, path: Path): unknown {
  let current: z.ZodType | undefined = schema;
  for (const key of path) {
    current = unwrap(current)
      .map((candidate) => childOf(candidate, key))
      .find((child) => child !== undefined);
  }
  while (current !== undefined) {
    const { defaultValue, innerType } = definitionOf(current);
    if (defaultValue !== undefined) return structuredClone(defaultValue);
    current = innerType;
  }
  return undefined;
}

/** The schemas behind defaults, optionals, transforms and unions. */
export function unwrap(schema: z.ZodType | undefined): z.ZodType[] {
  if (schema === undefined) return [];
  const definition = definitionOf(schema);
  if (definition.innerType !== undefined) return unwrap(definition.innerType);
  if (definition.type === "pipe") return unwrap(definition.in);
  if (definition.options !== undefined && definition.type === "union") return definition.options.flatMap(unwrap);
  return [schema];
}

export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  return definitionOf(schema).shape ?? {};
}

/** The value at a path; undefined when there is none. */
export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as Readonly<Record<string | number, unknown>>)[key];
  }
  return current;
}

/** Of a union's branches those whose literal keys (`filter: c4`) are the value's; all when none is. */
function meant(candidates: z.ZodType[], value: unknown): z.ZodType[] {
  const fitting = candidates.filter((candidate) =>
    Object.entries(shapeOf(candidate)).every(([key, child]) => {
      const { type, values } = definitionOf(child);
      return type !== "literal" || values?.includes(valueAt(value, [key])) === true;
    }),
  );
  return fitting.length === 0 ? candidates : fitting;
}

function definitionOf(schema: z.ZodType): SchemaDefinition {
  return schema.def;
}

function childOf(schema: z.ZodType, key: string | number): z.ZodType | undefined {
  const definition = definitionOf(schema);
  return definition.shape?.[String(key)] ?? definition.element ?? definition.valueType;
}
