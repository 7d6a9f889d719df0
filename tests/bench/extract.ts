/**
 * The rows of `npm run bench -- extract`: HTML to main text, redaction and repair, on the labelled pages and the corpus.
 *
 * Extraction's peer is Mozilla's Readability over linkedom, which answers the same question with another text: the check
 * is that both find most of each page's label.
 */
import { extractHtml } from "../../forge/extract/html.ts";
import { redactTexts, repairTexts } from "../../forge/extract/index.ts";
import { loadReadability } from "../../forge/extract/html-readability.ts";
import { loadKernels } from "../../forge/kernels/index.ts";
import type { TextColumn } from "../../forge/kernels/types.ts";
import { extractConfigSchema, redactConfigSchema, repairConfigSchema } from "../../schemas/config/extract.ts";
import { labelledPages, mean, scoreText } from "../extract/labelled.ts";
import { missingCorpus, sharedCorpus, type BenchRow } from "./harness.ts";

const html: BenchRow = {
  name: "html",
  unit: "MB/s",
  async prepare() {
    const config = extractConfigSchema.parse({});
    const readability = await loadReadability();
    const pages = labelledPages("pages");
    const texts = { ours: [] as string[], theirs: [] as string[] };
    const score = (found: readonly string[]): number =>
      mean(pages.map(({ label }, i) => scoreText(found[i] ?? "", label).f1));
    return {
      ours: {
        name: "forge density",
        run: () => void (texts.ours = pages.map((page) => extractHtml(page.html, config).text)),
      },
      peer: {
        name: "readability + linkedom",
        run: () => {
          texts.theirs = pages.map((page) => {
            const found = readability(page.html, config.readability);
            return "text" in found ? found.text : "";
          });
        },
      },
      amount: pages.reduce((sum, page) => sum + Buffer.byteLength(page.html), 0) / 1e6,
      verify: () => score(texts.ours) > 0.9 && score(texts.theirs) > 0.8,
    };
  },
};

/** A row over the texts of the shared corpus, without a peer. */
function textRow(name: string, load: () => Promise<(texts: TextColumn) => TextColumn>): BenchRow {
  return {
    name,
    unit: "MB/s",
    async prepare() {
      const lines = sharedCorpus(60);
      if (lines === undefined) return missingCorpus;
      const run = await load();
      const parts = Buffer.from(lines).toString("utf8").trimEnd().split("\n");
      const texts = parts.map((line) => Buffer.from((JSON.parse(line) as { readonly text: string }).text, "utf8"));
      const offsets = new Int32Array(texts.length + 1);
      for (const [i, text] of texts.entries()) offsets[i + 1] = (offsets[i] as number) + text.length;
      const column = { values: Buffer.concat(texts), offsets, length: texts.length };
      let result = column as TextColumn;
      return {
        ours: { name: "forge", run: () => void (result = run(column)) },
        missingPeer: "no peer here",
        amount: column.values.length / 1e6,
        verify: () => Buffer.compare(run(result).values, result.values) === 0,
      };
    },
  };
}

const repair = textRow("repair", async () => {
  const kernels = await loadKernels();
  return (texts) => repairTexts(texts, repairConfigSchema.parse({}), kernels).text;
});
const redact = textRow("redact", async () => {
  const kernels = await loadKernels();
  return (texts) => redactTexts(texts, redactConfigSchema.parse({}), kernels).text;
});

export const rows: readonly BenchRow[] = [html, repair, redact];
