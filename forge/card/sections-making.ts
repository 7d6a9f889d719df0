/** What a card says of where a corpus comes from: sources, config, command, tools and their licences, files, limits. */
import { stringify } from "yaml";
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { blocks, bytes, code, codeBlock, count, escape, facts, percent, table, totalOf } from "./markdown.ts";
import { configOf, filtersOf, shortConfig } from "./steps.ts";

export function numbersSection({ conservation, figures }: CorpusManifest): string {
  const tokens = Object.values(figures.tokens).reduce((sum, split) => sum + split.tokens, 0);
  return blocks(
    "## In numbers",
    facts([
      ["documents in", count(conservation.documentsIn)],
      ["kept", `${count(conservation.kept)} (${percent(conservation.kept, conservation.documentsIn)})`],
      ["rejected", count(totalOf(conservation.rejected))],
      ["quarantined (unreadable input)", count(conservation.quarantined)],
      ["text kept", bytes(figures.keptTextBytes)],
      ["tokens", count(tokens)],
    ]),
    "Documents in = kept + rejected + quarantined: every document is in exactly one of `documents/`, `rejects/` and `quarantine.jsonl`.",
  );
}

export function sourcesSection({ figures }: CorpusManifest): string {
  const rows = figures.sources.map((source) => [
    code(source.name),
    escape(source.description ?? ""),
    escape(source.license ?? "not stated"),
    count(source.files),
    bytes(source.bytes),
    count(source.documentsIn),
    count(source.kept),
    bytes(source.keptTextBytes),
  ]);
  const heads = ["source", "what", "licence", "files", "size", "documents", "kept", "text kept"];
  const commits = figures.sources.flatMap(({ revisions }) =>
    Object.entries(revisions).map(([uri, commit]) => `- ${code(uri)} at commit ${code(commit)}`),
  );
  return blocks("## Sources", table(heads, rows), commits.length === 0 ? undefined : commits.join("\n"));
}

export function makingSection({ name, program, config }: CorpusManifest): string {
  return blocks(
    "## How it was made",
    `With Forge (\`@forge-corpus/forge\`) ${program}; the same inputs and config give the same bytes, whatever the number of workers:`,
    codeBlock(`forge build-corpus ${name}.yaml`, "sh"),
    "This is the config; what it does not name has the default of that version. The whole of it is in `manifest.json`.",
    codeBlock(stringify(shortConfig(config)), "yaml"),
    toolsTable(config),
  );
}

/** Programs and models that took part, each with its licence. */
function toolsTable(manifestConfig: CorpusManifest["config"]): string {
  const config = configOf(manifestConfig);
  const filters = filtersOf(config);
  const rows = [["Forge", "everything", "Apache-2.0"]];
  const languageModels = new Set(filters.flatMap((one) => (one.filter === "language" ? [one.model] : [])));
  for (const model of languageModels) {
    rows.push(
      model === undefined
        ? [
            "[fastText `lid.176.ftz`](https://fasttext.cc/docs/en/language-identification.html) (Joulin et al. 2016)",
            "language of each document",
            "CC-BY-SA-3.0",
          ]
        : [code(model), "language of each document", notStated],
    );
  }
  const classifiers = filters.flatMap((one) => (one.filter === "classifier" ? [one.model] : []));
  for (const model of new Set(classifiers)) rows.push([code(model), "score of each document", notStated]);
  if (config.extract.html === "readability") rows.push(["Mozilla Readability", "text of pages", "Apache-2.0"]);
  rows.push(
    config.tokenizer.path === undefined
      ? [`tokenizer ${code(config.tokenizer.name)}`, "tokens", "trained on this corpus"]
      : [`tokenizer ${code(config.tokenizer.name)}`, "tokens", escape(config.tokenizer.license ?? notStated)],
  );
  for (const { name, license } of config.decontaminate.sets) {
    rows.push([`evaluation set ${code(name)}`, "looked for, not part of the corpus", escape(license ?? notStated)]);
  }
  return table(["tool", "for", "licence"], rows);
}

const notStated = "not stated";

export function filesSection({ files }: CorpusManifest): string {
  const groups = Map.groupBy(
    files.filter((file) => file.path.includes("/") && !file.path.startsWith("card/")),
    (file) => file.path.slice(0, file.path.indexOf("/") + 1),
  );
  const rows = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([folder, members]) => [
      code(folder),
      folders[folder] ?? "",
      count(members.length),
      bytes(members.reduce((sum, file) => sum + file.bytes, 0)),
    ]);
  return blocks(
    "## Files",
    table(["folder", "holds", "files", "size"], rows),
    "Sizes and SHA-256 of all files are in `manifest.json`; `forge verify` checks them. In Python, from the folder or its name on the hub:",
    codeBlock('from datasets import load_dataset\n\ndocuments = load_dataset("path/to/this", split="train")', "python"),
  );
}

const folders: Readonly<Record<string, string>> = {
  "documents/": "kept documents with their language, signals and cluster size, Parquet",
  "rejects/": "rejected documents with step, reason, measured value and partner, Parquet",
  "tokens/": "token shards, shuffled and split, Arrow IPC",
  "tokenizer/": "the tokenizer",
  "decontamination/": "every hit of an evaluation set, and what became of each example, Parquet",
  "index/": "what later corpora are deduplicated against",
};

export function limitsSection({ figures, config: manifestConfig }: CorpusManifest): string {
  const config = configOf(manifestConfig);
  const kinds = Object.keys(figures.texts.redact.found).map((kind) => redactedNames[kind] ?? kind);
  const limits = [
    "Filters are heuristics and err in both directions; see the examples above.",
    kinds.length === 0
      ? "No personal data was removed."
      : `Of personal data only ${kinds.join(", ")} were replaced, as far as patterns and checksums find them; names and postal addresses were not.`,
    "Licences of single documents may differ from what is stated for their source.",
  ];
  if (filtersOf(config).some(({ filter }) => filter === "language")) {
    limits.push("Languages are an identifier's guess: short texts and close relatives are often taken for each other.");
  }
  if (!config.dedup.near) limits.push("Near duplicates were not looked for.");
  if (figures.contamination === null)
    limits.push("Evaluation sets were not looked for: a model's scores on public ones may be inflated.");
  else if (figures.contamination.action === "report")
    limits.push("Evaluation sets were looked for, but what was found is still in the texts.");
  return blocks("## Limits", limits.map((line) => `- ${line}`).join("\n"));
}

/** What redaction replaces, by its name in the config. */
export const redactedNames: Readonly<Record<string, string>> = {
  email: "e-mail addresses",
  ipv4: "public IPv4 addresses",
  ipv6: "public IPv6 addresses",
  phone: "phone numbers",
  iban: "bank account numbers (IBAN)",
  paymentCard: "payment card numbers",
};
