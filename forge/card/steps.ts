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
  const whole = JSON.stringify(corpusConfigSchema.parse(rest));
  const prune = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    if (Array.isArray(node)) {
      for (const item of node) prune(item);
      return;
    }
    const object = node as Record<string, unknown>;
    for (const name of Object.keys(object)) {
      const value = object[name];
      delete object[name];
      const parsed = corpusConfigSchema.safeParse(rest);
      if (parsed.success && JSON.stringify(parsed.data) === whole) continue;
      object[name] = value;
      prune(value);
    }
  };
  prune(rest);
  return rest;
}
