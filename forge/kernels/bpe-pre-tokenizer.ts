/**
 * Recognises the pre-tokeniser of a `tokenizer.json` as one of those that are written by hand here.
 *
 * A pattern is known by its exact text: there is no regex engine behind it, and a pattern that merely looks alike splits
 * differently.
 */

/**
 * Ways of splitting text into pre-tokens.
 *
 * - `gpt2`: contractions, letters, numbers, other, each with one space before; white space (also GPT-NeoX).
 * - `bloom`: everything but white space and some punctuation, with one space before; the rest stays in one piece.
 * - `cl100k`: GPT-4's and Llama-3's: contractions in any case, letters with any one character before, up to three
 *   numbers, other with the line breaks after it, white space up to its last line break.
 * - `qwen2`: `cl100k` with each number alone.
 * - `gpt2-digits`: each number alone, the rest as `gpt2` does, as if the text ended there (StarCoder).
 */
export type BpePreTokenizer = (typeof preTokenizers)[number];

/** All of them; the place in this list is what the kernel knows them by. */
export const preTokenizers = ["gpt2", "bloom", "cl100k", "qwen2", "gpt2-digits"] as const;

/** The patterns as files spell them. */
const patterns: ReadonlyMap<string, BpePreTokenizer> = new Map([
  ["'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gpt2"],
  ["'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", "gpt2"],
  ["'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s", "gpt2"],
  [cl100k("{1,3}"), "cl100k"],
  [cl100k(""), "qwen2"],
  [" ?[^(\\s|[.,!?…。，、।۔،])]+", "bloom"],
]);

function cl100k(numbers: string): string {
  return (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}" +
    `${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`
  );
}

export interface SplitRule {
  readonly preTokenizer: BpePreTokenizer;
  readonly addPrefixSpace: boolean;
}

/** The rule behind the `pre_tokenizer` of a file, or what about it is not supported. */
export function preTokenizerOf(json: unknown): SplitRule | { readonly unsupported: string } {
  const steps = flatten(json);
  const last = steps.at(-1);
  if (last === undefined || last.type !== "ByteLevel") {
    return { unsupported: `the pre-tokenizer ${steps.map(({ type }) => String(type)).join(" + ") || "null"}` };
  }
  const addPrefixSpace = last.add_prefix_space === true;
  if (steps.length === 1) {
    if (last.use_regex === false) return { unsupported: "a ByteLevel pre-tokenizer without a pattern" };
    return { preTokenizer: "gpt2", addPrefixSpace };
  }
  const [first, second] = steps;
  if (steps.length === 2 && first?.type === "Digits" && first.individual_digits === true && last.use_regex !== false) {
    if (addPrefixSpace) return { unsupported: "digits alone together with add_prefix_space" };
    return { preTokenizer: "gpt2-digits", addPrefixSpace };
  }
  if (steps.length > 2 || first?.type !== "Split" || second?.use_regex !== false) {
    return { unsupported: `the pre-tokenizer ${steps.map(({ type }) => String(type)).join(" + ")}` };
  }
  const pattern = first.pattern?.Regex;
  const preTokenizer = patterns.get(String(pattern));
  if (preTokenizer === undefined) return { unsupported: `the split pattern ${JSON.stringify(first.pattern)}` };
  // The patterns leave nothing out, so what is done with the separators makes no difference but for `bloom`.
  if (first.behavior !== "Isolated" || first.invert === true) {
    return { unsupported: `a split that is ${String(first.behavior)}, not Isolated` };
  }
  if (addPrefixSpace) return { unsupported: "a split pattern together with add_prefix_space" };
  return { preTokenizer, addPrefixSpace };
}

interface Step {
  readonly type?: unknown;
  readonly pretokenizers?: readonly unknown[];
  readonly add_prefix_space?: unknown;
  readonly use_regex?: unknown;
  readonly pattern?: { readonly Regex?: unknown };
  readonly behavior?: unknown;
  readonly invert?: unknown;
  readonly individual_digits?: unknown;
}

/** Sequences within sequences, as one list of steps. The shape is checked where it is used. */
function flatten(json: unknown): readonly Step[] {
  if (typeof json !== "object" || json === null) return [];
  const step = json as Step;
  return step.type === "Sequence" && Array.isArray(step.pretokenizers) ? step.pretokenizers.flatMap(flatten) : [step];
}
