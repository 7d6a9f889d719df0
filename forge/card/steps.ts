/** The steps of a run in their order, each with what it rejected: what the funnel shows. */
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { totalOf } from "./markdown.ts";

export interface Step {
  readonly name: string;
  readonly documentsIn: number;
  readonly rejected: Readonly<Record<string, number>>;
  readonly kept: number;
}

/** Before the filters, behind them, in the order of the pipe. */
const before = ["read", "extract", "repair"];
const behind = ["dedup", "lines", "decontaminate"];

/**
 * Steps after reading, from what could be read to what is kept. Filters stand in the order of the config's lists; where
 * sources have different ones, each document goes through those of its own list only.
 */
export function stepsOf({ config, conservation, figures, stages }: CorpusManifest): readonly Step[] {
  const { rejectedBy } = figures;
  const ran = new Set([
    ...Object.keys(rejectedBy),
    ...stages.map(({ stage }) => stage).filter((one) => one !== "ingest"),
  ]);
  const filters = filterNames(configOf(config));
  const known = [...before, ...filters, ...behind];
  const names = [...before.filter((name) => ran.has(name)), ...filters, ...behind.filter((name) => ran.has(name))];
  names.push(...[...ran].filter((name) => !known.includes(name)).sort());
  let left = conservation.documentsIn - conservation.quarantined;
  return names.map((name) => {
    const documentsIn = left;
    const rejected = rejectedBy[name] ?? {};
    left -= totalOf(rejected);
    return { name, documentsIn, rejected, kept: left };
  });
}

/** The resolved config that a manifest holds. */
export function configOf(config: CorpusManifest["config"]): CorpusConfig {
  return corpusConfigSchema.parse(config);
}

/** Kinds of all filters that documents of a corpus can meet, each once. */
function filterNames(config: CorpusConfig): readonly string[] {
  return [...new Set(filtersOf(config).map(({ filter }) => filter))];
}

/** All filters that documents of a corpus can meet; the corpus' own lists only where a source has none. */
export function filtersOf(config: CorpusConfig): CorpusConfig["filters"] {
  const hasOwn = (source: CorpusConfig["sources"][number]): boolean =>
    source.filters !== undefined || source.filtersByLanguage !== undefined;
  const lists = config.sources.flatMap((source) => [
    source.filters ?? config.filters,
    ...Object.values((hasOwn(source) ? source.filtersByLanguage : config.filtersByLanguage) ?? {}),
  ]);
  return lists.flat();
}

/**
 * What of a config does not follow from the defaults: the shortest that resolves to the same. Where the sources lay and
 * how they were fetched is left out, for it decides no byte.
 */
export function shortConfig(config: CorpusManifest["config"]): object {
  const { root: _root, remote: _remote, ...rest } = structuredClone(configOf(config));
  const fields: Record<string, unknown> = rest;
  // No rule of the schema spans several fields, so each is looked at alone: parsing all of it for each name took longer
  // than everything else on the card.
  const schemas: Readonly<Record<string, { safeParse(value: unknown): { readonly data?: unknown } } | undefined>> =
    corpusConfigSchema.shape;
  for (const field of Object.keys(fields)) {
    const resolved = (): string | undefined => JSON.stringify(schemas[field]?.safeParse(fields[field]).data);
    const whole = resolved();
    prune(fields, [field], () => resolved() === whole);
  }
  return rest;
}

/** Takes out of an object, and of what it holds, all that can be missing. */
function prune(object: Record<string, unknown>, names: readonly string[], isSame: () => boolean): void {
  for (const name of names) {
    const value = object[name];
    delete object[name];
    if (isSame()) continue;
    object[name] = value;
    for (const item of Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value]) {
      if (typeof item === "object" && item !== null) prune(item as Record<string, unknown>, Object.keys(item), isSame);
    }
  }
}
