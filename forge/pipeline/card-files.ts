/** The end of an output: the dataset card (facts from the manifest, examples from the rejects), then the manifest. */
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { corpusManifestSchema, type CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import type { ManifestFile } from "../../schemas/run/manifest.ts";
import { DataError, formatJson, isSystemError, lockFolder, readJsonIfThere, writeFileAtomic } from "../base/index.ts";
import type { CardFile, CardLayout, RejectExample } from "../card/index.ts";
import { openParquet } from "../shard/index.ts";

/** Examples shown for each reason: the first ones in the order of the files. */
const examplesPerReason = 2;

/** Reasons of the rejects in a file, by its path; a file that is not in it may hold any. */
export type ReasonsOfFiles = ReadonlyMap<string, ReadonlySet<string>>;

/** Writes the card for a manifest, and the manifest with the card's files in it. */
export async function sealWithCard(
  folder: string,
  draft: CorpusManifest,
  reasons?: ReasonsOfFiles,
): Promise<CorpusManifest> {
  const card = await writeCardFiles(folder, draft, reasons);
  await removeOtherPlots(folder, new Set(card.map((file) => file.path)));
  const others = draft.files.filter(({ path }) => path !== "README.md" && !path.startsWith("card/"));
  const files = [...others, ...card].sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest = corpusManifestSchema.parse({ ...draft, files });
  await writeFileAtomic(join(folder, "manifest.json"), formatJson(manifest));
  return manifest;
}

async function writeCardFiles(
  folder: string,
  manifest: CorpusManifest,
  reasons?: ReasonsOfFiles,
): Promise<readonly ManifestFile[]> {
  const { renderCard } = await import("../card/index.ts");
  const written: ManifestFile[] = [];
  for (const { path, content } of renderCard(manifest, await collectExamples(folder, manifest, reasons))) {
    written.push({ path, ...(await writeFileAtomic(join(folder, path), content)) });
  }
  return written;
}

/** A plot that an earlier card had and this one has not. */
async function removeOtherPlots(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  const names = await readdir(join(folder, "card")).catch((error: unknown) => {
    if (isSystemError(error) && error.code === "ENOENT") return [];
    throw error;
  });
  for (const name of names) if (!wanted.has(`card/${name}`)) await rm(join(folder, "card", name), { force: true });
}

/**
 * Reads and checks the manifest of a finished corpus.
 *
 * @throws DataError `manifest-missing`, `manifest-invalid`
 */
export async function readCorpusManifest(folder: string): Promise<CorpusManifest> {
  const path = join(folder, "manifest.json");
  const value = await readJsonIfThere(path);
  if (value === undefined) {
    throw new DataError(
      "manifest-missing",
      `${folder} has no manifest.json`,
      { file: path },
      {
        hint: "It is written last: either the run did not finish (run its command again), or this is no output of build-corpus.",
      },
    );
  }
  const parsed = corpusManifestSchema.safeParse(value);
  if (!parsed.success) {
    throw new DataError(
      "manifest-invalid",
      `${path} is not the manifest of a corpus`,
      { file: path },
      { cause: parsed.error, hint: "Name the output folder of build-corpus; other commands write their own card." },
    );
  }
  return parsed.data;
}

/** The card of a finished corpus as it would be written: paths relative to the folder, and contents. Writes nothing. */
export async function previewCard(folder: string, layout?: CardLayout): Promise<readonly CardFile[]> {
  const manifest = await readCorpusManifest(folder);
  const { renderCard } = await import("../card/index.ts");
  return renderCard(manifest, await collectExamples(folder, manifest), layout);
}

/**
 * Where a copy of a card puts its files, so that its links hold: plots beside it, named after it unless it is a README
 * (which has its folder for itself).
 */
export function copyLayout(file: string): CardLayout {
  const card = basename(file);
  const stem = card.slice(0, card.length - extname(card).length);
  return { card, plot: (name) => (stem.toLowerCase() === "readme" ? `${name}.svg` : `${stem}-${name}.svg`) };
}

/**
 * Writes the card of a finished corpus into another folder, its plots beside it.
 *
 * @returns the paths written, relative to the folder of `file`
 */
export async function copyCard(folder: string, file: string): Promise<readonly string[]> {
  const files = await previewCard(folder, copyLayout(file));
  for (const { path, content } of files) await writeFileAtomic(join(dirname(file), path), content);
  return files.map(({ path }) => path);
}

/** Writes the card of a finished corpus again. */
export async function refreshCard(folder: string): Promise<CorpusManifest> {
  const manifest = await readCorpusManifest(folder);
  await using _lock = await lockFolder(folder);
  return await sealWithCard(folder, manifest);
}

const exampleColumns = ["stage", "reason", "source", "value", "jaccard", "partnerId", "text"] as const;

async function collectExamples(
  folder: string,
  manifest: CorpusManifest,
  reasonsOfFiles: ReasonsOfFiles = new Map(),
): Promise<readonly RejectExample[]> {
  const missing = new Map(
    Object.entries(manifest.conservation.rejected).map(([reason, count]) => [
      reason,
      Math.min(count, examplesPerReason),
    ]),
  );
  const examples: RejectExample[] = [];
  /** The first rows of each reason that still misses some. */
  const choose = (reasons: readonly unknown[]): number[] => {
    const rows: number[] = [];
    for (const [row, reason] of reasons.entries()) {
      const left = missing.get(String(reason)) ?? 0;
      if (left === 0) continue;
      missing.set(String(reason), left - 1);
      rows.push(row);
    }
    return rows;
  };
  const paths = manifest.files.map((file) => file.path).filter((path) => path.startsWith("rejects/"));
  for (const path of paths.sort()) {
    const reasons = reasonsOfFiles.get(path);
    const mayHelp = (): boolean => [...missing].some(([one, left]) => left > 0 && (reasons?.has(one) ?? true));
    // A rare reason would have all files looked through for it.
    if (!mayHelp()) continue;
    const reader = await openParquet(join(folder, path));
    const wanted = { column: "reason", choose, large: ["text"] };
    for await (const rows of reader.rowGroups({ columns: exampleColumns, wanted })) {
      for (const row of rows) {
        examples.push({
          stage: String(row["stage"]),
          reason: String(row["reason"]),
          source: String(row["source"]),
          value: numberOrNull(row["value"]),
          jaccard: numberOrNull(row["jaccard"]),
          partnerId: typeof row["partnerId"] === "string" ? row["partnerId"] : null,
          text: String(row["text"]),
        });
      }
      if (!mayHelp()) break;
    }
  }
  return examples;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
