/**
 * Generates what is derived from the schemas: JSON Schemas for editors (`schemas/json/`) and the config reference
 * (`docs/reference/`). `--check` writes nothing and fails when a file is stale.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { packageRoot } from "../forge/base/locate.ts";

interface ConfigSource {
  readonly name: string;
  readonly title: string;
  readonly usedBy: string;
  readonly module: string;
  readonly schema: string;
}

const configs: readonly ConfigSource[] = [
  {
    name: "corpus",
    title: "Corpus config",
    usedBy: "forge build-corpus",
    module: "../schemas/config/corpus.ts",
    schema: "corpusConfigSchema",
  },
  {
    name: "teach",
    title: "Teacher config",
    usedBy: "forge teach",
    module: "../schemas/config/teach.ts",
    schema: "teachConfigSchema",
  },
  {
    name: "train",
    title: "Training config",
    usedBy: "trainer run",
    module: "../schemas/config/train.ts",
    schema: "trainConfigSchema",
  },
];

/** The parts of JSON Schema that the reference shows. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly additionalProperties?: JsonSchema | boolean;
}

const check = process.argv.includes("--check");
const stale: string[] = [];

for (const config of configs) {
  if (!existsSync(new URL(config.module, import.meta.url))) continue;
  const module = (await import(config.module)) as Record<string, z.ZodType>;
  const schema = module[config.schema];
  if (schema === undefined) throw new Error(`${config.module} exports no ${config.schema}`);
  const json = z.toJSONSchema(schema, { io: "input" });
  emit(`schemas/json/${config.name}.json`, `${JSON.stringify(json, null, 2)}\n`);
  emit(`docs/reference/config-${config.name}.md`, reference(config, json as JsonSchema));
}

if (stale.length > 0) {
  process.stderr.write(`error: stale: ${stale.join(", ")}\nhint: npm run generate\n`);
  process.exitCode = 1;
}

function emit(path: string, content: string): void {
  const file = join(packageRoot, path);
  if (existsSync(file) && readFileSync(file, "utf8") === content) return;
  if (check) {
    stale.push(path);
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
}

function reference(config: ConfigSource, schema: JsonSchema): string {
  const rows: string[] = [];
  collect(schema, "", rows);
  return [
    `# ${config.title}`,
    "",
    `Every key that \`${config.usedBy}\` reads. Generated from the schema by \`npm run generate\`: do not edit.`,
    "",
    "| key | type | default | meaning |",
    "|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function collect(schema: JsonSchema, path: string, rows: string[]): void {
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    const name = path === "" ? key : `${path}.${key}`;
    const fallback = child.default === undefined ? "" : `\`${cell(JSON.stringify(child.default))}\``;
    rows.push(`| \`${name}\` | ${cell(typeOf(child))} | ${fallback} | ${cell(child.description ?? "")} |`);
    collect(child, name, rows);
    if (child.items !== undefined) collect(child.items, `${name}[]`, rows);
    for (const branch of [...(child.anyOf ?? []), ...(child.oneOf ?? []), ...(child.items?.oneOf ?? [])]) {
      collect(branch, name, rows);
    }
  }
}

function typeOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return [...new Set(branches.map(typeOf))].join(" or ");
  if (schema.type === "array") return `list of ${schema.items === undefined ? "anything" : typeOf(schema.items)}`;
  const bounds = [
    schema.minimum === undefined || schema.minimum <= -9e15 ? "" : `≥ ${schema.minimum}`,
    schema.maximum === undefined || schema.maximum >= 9e15 ? "" : `≤ ${schema.maximum}`,
  ].filter((bound) => bound !== "");
  return [schema.type ?? "anything", ...bounds].join(" ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
