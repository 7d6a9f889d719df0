/** Conditions of filters, looked at when the config is read: before any work, and each with its place. */
import type { FilterConfig } from "../../schemas/config/filter.ts";
import { ConfigError, type ConfigIssue } from "../base/index.ts";
import { signalNames, type FilterLists } from "./chain.ts";
import { parseExpression } from "./expression.ts";
import { editedPrefix, textSignalNames } from "./signals.ts";

/** What is wrong with the conditions of some lists; paths begin with `filters` or `filtersByLanguage`. */
export function checkFilters({ filters, filtersByLanguage }: FilterLists): readonly ConfigIssue[] {
  const common = filters.slice(0, filters.findIndex(({ filter }) => filter === "language") + 1);
  return [
    ...checkList(filters, [], "filters"),
    ...Object.entries(filtersByLanguage).flatMap(([language, own]) =>
      checkList(own, common, `filtersByLanguage.${language}`),
    ),
  ];
}

function checkList(filters: readonly FilterConfig[], before: readonly FilterConfig[], path: string): ConfigIssue[] {
  return filters.flatMap((config, i) => {
    if (config.filter !== "expression") return [];
    try {
      parseExpression(config.keep, signalsBehind([...before, ...filters.slice(0, i)]));
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.issues.map((issue) => ({ ...issue, path: `${path}.${i}.keep` }));
    }
  });
}

/** Names that a condition behind some filters may use. */
function signalsBehind(filters: readonly FilterConfig[]): readonly string[] {
  const makers = filters.filter(({ filter }) => filter !== "expression");
  const made = signalNames({ filters: makers, filtersByLanguage: {} });
  return [...new Set([...textSignalNames, ...made.filter((name) => !name.startsWith(editedPrefix))])];
}
