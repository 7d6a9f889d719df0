/** What a corpus config can be known to be wrong in before anything is read, beyond its schema. */
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { ConfigError, type ConfigIssue } from "../base/index.ts";
import { checkFilters } from "../filter/index.ts";

/** Problems, each with the dotted path of the value. */
export function checkCorpusConfig(config: CorpusConfig): readonly ConfigIssue[] {
  const { filters, filtersByLanguage, sources } = config;
  return [
    ...checkFilters({ filters, filtersByLanguage }),
    ...sources.flatMap((source, i) => {
      // A source with languages of its own and no list of its own goes through the corpus' list first.
      const lists = { filters: source.filters ?? filters, filtersByLanguage: source.filtersByLanguage ?? {} };
      return checkFilters(lists)
        .filter(({ path }) => source.filters !== undefined || path.startsWith("filtersByLanguage."))
        .map((issue) => ({ ...issue, path: `sources.${i}.${issue.path}` }));
    }),
  ];
}

/** @throws ConfigError `config-invalid` with all problems */
export function refuseWrongConfig(config: CorpusConfig): void {
  const issues = checkCorpusConfig(config);
  if (issues.length === 0) return;
  const count = `${issues.length} problem${issues.length === 1 ? "" : "s"}`;
  throw new ConfigError("config-invalid", `The config has ${count}`, issues);
}
