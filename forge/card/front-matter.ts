/**
 * The YAML between `---` at the head of a card: what the Hugging Face hub and `datasets` read.
 *
 * Fields after huggingface/hub-docs `datasetcard.md`; licences and sizes are those of the hub's lists.
 */
import { stringify } from "yaml";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { byCount } from "./markdown.ts";

/** Front matter with its lines of dashes. */
export function frontMatter(manifest: CorpusManifest): string {
  const { figures, conservation, files } = manifest;
  const languages = languageCodes(figures.languages);
  const inFolder = (folder: string): CorpusManifest["files"] => files.filter(({ path }) => path.startsWith(folder));
  const sizeOf = (folder: string): number => inFolder(folder).reduce((sum, file) => sum + file.bytes, 0);
  const rowsOf = (folder: string): number => inFolder(folder).reduce((sum, file) => sum + (file.rows ?? 0), 0);
  const all = [
    { name: "default", files: "documents/", rows: conservation.kept, bytes: sizeOf("documents/") },
    { name: "rejects", files: "rejects/", rows: rowsOf("rejects/"), bytes: sizeOf("rejects/") },
    { name: "contamination", files: "decontamination/part-", rows: rowsOf("decontamination/part-"), bytes: null },
  ];
  // A folder of empty files only is no part of a dataset: its viewer shows an error.
  const parts = all.filter(({ name, rows }) => name === "default" || rows > 0);
  const metadata = {
    pretty_name: manifest.name,
    ...(languages.length === 0
      ? {}
      : { language: languages, multilinguality: [languages.length === 1 ? "monolingual" : "multilingual"] }),
    ...licence(figures.sources.map((source) => source.license)),
    task_categories: ["text-generation"],
    task_ids: ["language-modeling"],
    size_categories: [sizeCategory(conservation.kept)],
    source_datasets: ["original"],
    tags: [
      "forge",
      "pretraining",
      "deduplicated",
      ...(figures.contamination === null || figures.contamination.action === "report" ? [] : ["decontaminated"]),
    ],
    // A config's single part is called "train"; only the token shards have a validation part.
    configs: parts.map(({ name, files: prefix }) => ({
      config_name: name,
      ...(name === "default" && { default: true }),
      data_files: [{ split: "train", path: `${prefix}*.parquet` }],
    })),
    // No num_bytes: that is the size in the memory of `datasets`, which nothing here measures.
    dataset_info: parts
      .filter(({ bytes }) => bytes !== null)
      .map(({ name, rows, bytes }) => ({
        config_name: name,
        splits: [{ name: "train", num_examples: rows }],
        download_size: bytes,
      })),
  };
  // YAML 1.1, as PyYAML reads it: there a bare `no` (Norwegian) is the value false.
  return `---\n${stringify(metadata, { version: "1.1" })}---`;
}

/** fastText's lid.176 names these as Wikipedia does, ISO 639 otherwise. */
const wikipediaCodes: Readonly<Record<string, string>> = { als: "gsw", bh: "bih", eml: "egl", sh: "hbs" };

/** ISO 639 codes of the languages of kept documents, the most frequent first. */
function languageCodes(languages: Readonly<Record<string, number>>): readonly string[] {
  const codes = byCount(languages).map(([name]) => {
    const primary = name.toLowerCase().replace(/[-_].*$/, "");
    return wikipediaCodes[primary] ?? primary;
  });
  return [...new Set(codes.filter((code) => /^[a-z]{2,3}$/.test(code)))];
}

/** Licences that the hub has a page for, of those that texts come under. */
const hubLicences = new Set(
  (
    "apache-2.0 mit openrail bsd bsd-2-clause bsd-3-clause cc cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 " +
    "cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 " +
    "cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl " +
    "epl-1.0 epl-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc mpl-2.0 odc-by " +
    "odbl pddl unlicense zlib artistic-2.0 bsl-1.0"
  ).split(" "),
);

function licence(sources: readonly (string | null)[]): object {
  const named = [...new Set(sources.map((one) => one?.toLowerCase() ?? ""))];
  if (!named.every((one) => hubLicences.has(one))) return { license: "other", license_name: "see-sources" };
  return { license: named.length === 1 ? named[0] : named };
}

/** Classes of the hub. */
function sizeCategory(documents: number): string {
  const bounds = [
    [1e3, "n<1K"],
    [1e4, "1K<n<10K"],
    [1e5, "10K<n<100K"],
    [1e6, "100K<n<1M"],
    [1e7, "1M<n<10M"],
    [1e8, "10M<n<100M"],
    [1e9, "100M<n<1B"],
    [1e10, "1B<n<10B"],
    [1e11, "10B<n<100B"],
    [1e12, "100B<n<1T"],
  ] as const;
  return bounds.find(([bound]) => documents < bound)?.[1] ?? "n>1T";
}
