/**
 * A Hugging Face dataset card (README.md with YAML front matter) and its plots, from a corpus manifest.
 *
 * Layout after huggingface/hub-docs `datasetcard.md`. Every figure in it stands in the manifest or follows from it.
 */
import type { CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { frontMatter } from "./front-matter.ts";
import { blocks, escape } from "./markdown.ts";
import { plotsOf } from "./plots.ts";
import {
  contaminationSection,
  duplicatesSection,
  editsSection,
  funnelSection,
  languagesSection,
  lengthSection,
  rejectedSection,
  textsSection,
  tokensSection,
  type RejectExample,
} from "./sections-figures.ts";
import { filesSection, limitsSection, makingSection, numbersSection, sourcesSection } from "./sections-making.ts";

export interface CardFile {
  /** Relative to the folder that the card is written to, forward slashes. */
  readonly path: string;
  readonly content: string;
}

/** Where the files of a card lie: its own name, and for the name of a plot its path from the card. */
export interface CardLayout {
  readonly card: string;
  readonly plot: (name: string) => string;
}

/** In an output folder. */
export const outputLayout: CardLayout = { card: "README.md", plot: (name) => `card/${name}.svg` };

/** Renders the card, its plots behind it. The same manifest and examples give the same bytes. */
export function renderCard(
  manifest: CorpusManifest,
  examples: readonly RejectExample[],
  layout: CardLayout = outputLayout,
): readonly CardFile[] {
  const plots = plotsOf(manifest);
  const picture = (name: string): string | undefined => {
    const plot = plots.find((one) => one.name === name);
    return plot && `![${plot.title}](${encodeURI(layout.plot(name))})`;
  };
  const text = blocks(
    frontMatter(manifest),
    `# ${manifest.name}`,
    escape(manifest.description ?? "A text corpus."),
    numbersSection(manifest),
    sourcesSection(manifest),
    funnelSection(manifest, picture("funnel")),
    rejectedSection(manifest, examples),
    textsSection(manifest),
    editsSection(manifest),
    duplicatesSection(manifest, picture("clusters")),
    contaminationSection(manifest),
    languagesSection(manifest, picture("language")),
    lengthSection(picture("length")),
    tokensSection(manifest),
    filesSection(manifest),
    makingSection(manifest),
    limitsSection(manifest),
  );
  return [
    { path: layout.card, content: `${text}\n` },
    ...plots.map(({ name, svg }) => ({ path: layout.plot(name), content: svg })),
  ];
}
