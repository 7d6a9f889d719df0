/**
 * Decontamination: which evaluation sets a corpus must not give away, what counts as giving away, and what happens then.
 *
 * Defaults are those of GPT-3 (Brown et al. 2020, appendix C): 13-grams, ignored when more than ten documents have them;
 * 200 characters around a match taken out, pieces below 200 characters dropped, more than ten pieces drop the document.
 */
import { z } from "zod";

const fieldNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);

export const evaluationFieldsSchema = z
  .strictObject({
    question: fieldNames.optional().describe("Field of what is asked; a dotted name reaches into objects and lists."),
    answer: fieldNames.optional().describe("Field of what is to be answered, all choices or the reference answers."),
    passage: fieldNames.optional().describe("Field of a text that the question is about."),
    id: z.string().min(1).optional().describe("Field that names an example in the report; its row number without it."),
  })
  .refine(({ question, answer, passage }) => question !== undefined || answer !== undefined || passage !== undefined, {
    message: "name at least one of question, answer and passage",
  });

export const evaluationSetSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]*$/i, "expected letters, digits, `.`, `_` and `-`, a letter or digit first")
    .describe("Short name, unique in the list: used in the report and the card."),
  path: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .describe("JSON Lines or Parquet: file, folder, glob or URI (or a list), relative to `root`; .gz and .zst too."),
  fields: evaluationFieldsSchema.describe("Which field holds what; all texts of a list are taken."),
  license: z.string().optional().describe("Licence of the set, for the card; its texts do not enter the corpus."),
});
export type EvaluationSet = z.infer<typeof evaluationSetSchema>;

export const contaminationActions = ["report", "cut", "drop"] as const;

export const decontaminateConfigSchema = z
  .strictObject({
    sets: z
      .array(evaluationSetSchema)
      .default([])
      .refine((sets) => new Set(sets.map((set) => set.name)).size === sets.length, {
        message: "two evaluation sets have the same name",
      })
      .describe("Evaluation sets to look for; without any nothing is looked for."),
    action: z
      .enum(contaminationActions)
      .default("drop")
      .describe(
        "What happens to a document with a hit, or to the kept one of a duplicate cluster with a hit: `report` only, " +
          "`cut` the matching passage with its surroundings, `drop` the document.",
      ),
    ngram: z.int().min(2).max(64).default(13).describe("Words of an n-gram, counted on the normal form."),
    minWords: z
      .int()
      .min(1)
      .max(64)
      .default(4)
      .describe(
        "Examples shorter than `ngram` are matched whole, as n-grams of their own length; those with fewer words than " +
          "this stand in too many texts by chance and are only listed in the report.",
      ),
    maxCorpusFrequency: z
      .int()
      .min(1)
      .default(10)
      .describe(
        "n-grams that more documents of the corpus have (duplicates counted once) are common phrases and ignored.",
      ),
    window: z.int().min(0).default(200).describe("`cut`: characters taken out on each side of a match."),
    minPieceCharacters: z.int().min(0).default(200).describe("`cut`: shorter pieces between matches are dropped."),
    maxPieces: z.int().min(1).default(10).describe("`cut`: a document that falls into more pieces is dropped."),
  })
  .refine(({ minWords, ngram }) => minWords <= ngram, { message: "minWords is at most ngram", path: ["minWords"] });
export type DecontaminateConfig = z.infer<typeof decontaminateConfigSchema>;
