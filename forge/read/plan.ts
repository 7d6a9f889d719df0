/**
 * From a config's sources to files with what their content is known by, and to splits of about equal size.
 *
 * The plan depends on names and contents only. Of files elsewhere nothing is read but what their server tells of them,
 * and the footers of formats that have one.
 */
import type { ReadConfig, SourceConfig } from "../../schemas/config/corpus.ts";
import type { RemoteConfig } from "../../schemas/config/remote.ts";
import { ConfigError, DataError, mapConcurrent, type ConfigIssue } from "../base/index.ts";
import type { OpenSource } from "./byte-source.ts";
import { needsCopying } from "./copies.ts";
import { describeFile, type Place } from "./describe.ts";
import { sourceUri } from "./identity.ts";
import { compareNames, listFiles } from "./list-files.ts";
import { needsCutting } from "./pieces.ts";
import { listRemote } from "./remote/list.ts";
import { isExcluded, schemeOf } from "./remote/uri.ts";
import { openSources } from "./sources.ts";
import { splitSources } from "./splits.ts";
import type { InputFile, InputPlan } from "./types.ts";

export interface PlanSourcesOptions {
  /** Absolute path of the folder that sources are relative to. */
  readonly root: string;
  readonly read: Pick<ReadConfig, "splitBytes" | "pieceBytes">;
  /** How files elsewhere are fetched. @default as the config's schema says */
  readonly remote?: RemoteConfig;
  /** Finds files by their URIs. @default those below the root and those on servers */
  readonly openSource?: OpenSource;
  readonly signal?: AbortSignal;
}

/**
 * Finds, hashes and splits the input.
 *
 * @throws DataError `sources-missing` naming every pattern that leads to nothing and every file that cannot be read;
 *   `details.missing` holds what it says of the former
 * @throws DataError `corpus-empty` when all files together hold no byte
 * @throws ConfigError `column-missing` naming the columns that there are, when a file lacks the text column
 */
export async function planSources(sources: readonly SourceConfig[], options: PlanSourcesOptions): Promise<InputPlan> {
  const { root, read, signal } = options;
  const secrets: Record<string, string> = {};
  const openSource = options.openSource ?? openSources({ ...options, secrets });
  const problems: string[] = [];
  /** Those of them that say that nothing is there. */
  const absent: string[] = [];
  const issues: ConfigIssue[] = [];
  const files: InputFile[] = [];
  const owners = new Map<string, string>();
  for (const source of sources) {
    const named = (problem: string): string => `${source.name}: ${problem}`;
    const near = await listFiles(source, root);
    const unmatched = near.missing.map((pattern) => named(`no file matches ${pattern}`));
    const far = await listRemote(urisOf(source), options);
    problems.push(...unmatched, ...far.problems.map(named));
    absent.push(...unmatched, ...far.missing.map(named));
    const found = far.found.filter(({ uri }) => !source.exclude.some((pattern) => isExcluded(uri, pattern)));
    for (const { uri, secret } of found) if (secret !== undefined) secrets[uri] = secret;
    const places: Place[] = [...near.paths.map((path) => ({ uri: sourceUri(root, path) })), ...found];
    places.sort((a, b) => compareNames(a.uri, b.uri));
    const described = mapConcurrent(places, 4, (place) => describeFile(source, place, read, openSource, signal), {
      ordered: true,
      ...(signal && { signal }),
    });
    for await (const file of described) {
      if (typeof file === "string") problems.push(named(file));
      else if (owners.has(file.uri))
        problems.push(`${file.uri} belongs to ${owners.get(file.uri)} and to ${source.name}`);
      else {
        const { problem, ...rest } = file;
        if (problem !== undefined) {
          issues.push({ path: `sources.${source.name}.fields.text`, message: `${file.uri} ${problem}` });
        }
        owners.set(file.uri, source.name);
        files.push(rest);
      }
    }
  }
  if (problems.length > 0) {
    throw new DataError(
      "sources-missing",
      problems.length === 1
        ? `Source ${problems[0]}`
        : `${problems.length} problems with the sources:\n  ${problems.join("\n  ")}`,
      {},
      { hint: `Paths are relative to ${root}`, details: { problems, missing: absent } },
    );
  }
  if (issues.length > 0) {
    const [first] = issues;
    throw new ConfigError(
      "column-missing",
      issues.length === 1 ? (first?.message ?? "") : `${issues.length} files lack the text column: ${first?.message}`,
      issues,
      { hint: "Name the column that holds the text under `fields.text` of the source." },
    );
  }
  if (files.every((file) => file.bytes === 0 && !needsCopying(file))) {
    throw new DataError(
      "corpus-empty",
      "The sources hold no text: every file is empty",
      {},
      { hint: `Paths are relative to ${root}` },
    );
  }
  const uncut = files.filter((file) => needsCutting(file, read.pieceBytes) || needsCopying(file));
  return { files, splits: splitSources(files, read.splitBytes), uncut, secrets };
}

/** Those paths of a source that are URIs. */
function urisOf({ path = [] }: Pick<SourceConfig, "path">): readonly string[] {
  return [path].flat().filter((pattern) => schemeOf(pattern) !== undefined);
}
