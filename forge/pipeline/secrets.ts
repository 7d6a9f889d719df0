/**
 * URLs that carry a name, a password or a signature: they stand in one file that only its owner may read, as long as a
 * run needs them, and never in plans, manifests or ids.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CorpusConfig } from "../../schemas/config/corpus.ts";
import { formatJson, readJsonIfThere, writeFileAtomic } from "../base/index.ts";
import { publicUri } from "../read/index.ts";
import { secretsPath } from "./layout.ts";

/** Full URLs by their URIs. */
export type Secrets = Readonly<Record<string, string>>;

/** Leaves them to the tasks of a run; removes the file when there are none. */
export async function writeSecrets(folder: string, secrets: Secrets = {}): Promise<void> {
  const path = join(folder, secretsPath);
  if (Object.keys(secrets).length === 0) await rm(path, { force: true });
  else await writeFileAtomic(path, formatJson(secrets), { mode: 0o600 });
}

export async function readSecrets(folder: string): Promise<Secrets> {
  return z.record(z.string(), z.string()).parse((await readJsonIfThere(join(folder, secretsPath))) ?? {});
}

/** The config as plans and manifests keep it. */
export function publicConfig(config: CorpusConfig): CorpusConfig {
  const hide = (path: string | string[]): string | string[] =>
    typeof path === "string" ? publicUri(path) : path.map(publicUri);
  const { sources, decontaminate } = config;
  return {
    ...config,
    sources: sources.map((source) => ({ ...source, ...(source.path !== undefined && { path: hide(source.path) }) })),
    decontaminate: { ...decontaminate, sets: decontaminate.sets.map((set) => ({ ...set, path: hide(set.path) })) },
  };
}
