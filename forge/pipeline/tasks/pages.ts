/** Pages of HTML in what was read: their main text takes the page's place, their title goes into `meta`. */
import type { RecordBatch } from "apache-arrow";
import { Utf8ColumnBuilder, utf8Data } from "../../../schemas/record/document.ts";
import { utf8Column } from "../../base/index.ts";
import type { ExtractCounts, Extractor } from "../../extract/index.ts";
import { replaceColumns } from "../batches.ts";
import type { TurnedAway } from "./reading.ts";

/** A batch of pages as a batch of texts; a page without main text stays as it is and is turned away. */
export function extractPages(
  batch: RecordBatch,
  extractor: Extractor,
  refused: readonly TurnedAway[],
): { readonly batch: RecordBatch; readonly turnedAway: readonly TurnedAway[]; readonly counts: ExtractCounts } {
  const { text, titles, rejections, counts } = extractor(utf8Column(batch, "text", "batch"));
  // What the reader refused is no page, and has no text.
  const isRefused = new Set(refused.map(({ row }) => row));
  const turnedAway = [...refused];
  for (const [row, rejection] of rejections.entries()) {
    if (rejection !== null && !isRefused.has(row)) turnedAway.push({ row, stage: "extract", ...rejection });
  }
  return {
    batch: replaceColumns(batch, {
      text: utf8Data(text),
      ...(titles.some(Boolean) && { meta: titled(batch, titles) }),
    }),
    turnedAway: turnedAway.sort((a, b) => a.row - b.row),
    counts: { ...counts, pages: counts.pages - refused.length },
  };
}

/** The batch's `meta` with each page's title; one that a record brought along stays. */
function titled(batch: RecordBatch, titles: readonly (string | null)[]): ReturnType<Utf8ColumnBuilder["finish"]> {
  const given = batch.getChild("meta");
  const builder = new Utf8ColumnBuilder();
  for (const [row, title] of titles.entries()) {
    const meta = given?.get(row) as string | null | undefined;
    if (title !== null) builder.appendString(JSON.stringify({ title, ...(JSON.parse(meta ?? "{}") as object) }));
    else if (meta === null || meta === undefined) builder.appendNull();
    else builder.appendString(meta);
  }
  return builder.finish();
}
