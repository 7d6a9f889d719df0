/** A folder of files for one test, and what a reader finds in it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { openSources, planSources, readSplit, type InputPlan } from "../../forge/read/index.ts";
import { corpusConfigSchema, type CorpusConfig } from "../../schemas/config/corpus.ts";
import type { Quarantine } from "../../schemas/record/reject.ts";

export interface Folder extends AsyncDisposable {
  readonly path: string;
}

export async function folderOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), "forge-read-"));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export type Sources = readonly Readonly<Record<string, unknown>>[];

export function configOf(sources: Sources, read: Readonly<Record<string, unknown>> = {}): CorpusConfig {
  return corpusConfigSchema.parse({ name: "test", sources, read });
}

export interface Found {
  readonly plan: InputPlan;
  readonly documents: readonly Readonly<Record<string, unknown>>[];
  readonly quarantined: readonly Quarantine[];
  readonly replacements: number;
  readonly batches: number;
  /** Records that are no text, with what their row says of them. */
  readonly rejected: readonly Readonly<Record<string, unknown>>[];
}

const html = { mediaType: "text/html" };

export async function readAll(root: string, config: CorpusConfig): Promise<Found> {
  const { read, remote } = config;
  const plan = await planSources(config.sources, { root, read, remote });
  const openSource = openSources({ root, remote, secrets: plan.secrets });
  const documents: Readonly<Record<string, unknown>>[] = [];
  const quarantined: Quarantine[] = [];
  const rejected: Readonly<Record<string, unknown>>[] = [];
  let replacements = 0;
  let batches = 0;
  for (const split of plan.splits) {
    const source = config.sources.find(({ name }) => name === split.source);
    if (source === undefined) throw new Error(`no source ${split.source}`);
    for await (const item of readSplit(split, { root, source, read, openSource })) {
      if ("quarantine" in item) quarantined.push(item.quarantine);
      else {
        batches++;
        replacements += item.replacements;
        const refused = new Map(item.rejections.map(({ row, ...why }) => [row, why]));
        for (const [i, row] of [...item.batch].entries()) {
          const why = refused.get(i);
          if (why === undefined) documents.push({ ...row.toJSON(), ...(item.mediaType === "text/html" && html) });
          else rejected.push({ ...row.toJSON(), ...why });
        }
      }
    }
  }
  return { plan, documents, quarantined, replacements, batches, rejected };
}
