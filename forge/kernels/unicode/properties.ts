/**
 * Unicode properties of code points, pinned to one Unicode version whatever Node runs (`unicodeVersion` in data.ts).
 *
 * The tables are generated (`scripts/generate-unicode.ts`) and inflated on first use. One 32-bit row of flags a code
 * point: bits 0–4 General_Category, 5 White_Space, 6 Alphabetic, 7 Cased, 8 Case_Ignorable, 9 Extended_Pictographic,
 * 10–14 Word_Break. Pre-tokenisers of BPE have their own tables, pinned to their peers' versions.
 */

/** Short and long names, in the order of their codes. */
export const generalCategories = [
  ["Cn", "Unassigned"],
  ["Lu", "Uppercase_Letter"],
  ["Ll", "Lowercase_Letter"],
  ["Lt", "Titlecase_Letter"],
  ["Lm", "Modifier_Letter"],
  ["Lo", "Other_Letter"],
  ["Mn", "Nonspacing_Mark"],
  ["Mc", "Spacing_Mark"],
  ["Me", "Enclosing_Mark"],
  ["Nd", "Decimal_Number"],
  ["Nl", "Letter_Number"],
  ["No", "Other_Number"],
  ["Pc", "Connector_Punctuation"],
  ["Pd", "Dash_Punctuation"],
  ["Ps", "Open_Punctuation"],
  ["Pe", "Close_Punctuation"],
  ["Pi", "Initial_Punctuation"],
  ["Pf", "Final_Punctuation"],
  ["Po", "Other_Punctuation"],
  ["Sm", "Math_Symbol"],
  ["Sc", "Currency_Symbol"],
  ["Sk", "Modifier_Symbol"],
  ["So", "Other_Symbol"],
  ["Zs", "Space_Separator"],
  ["Zl", "Line_Separator"],
  ["Zp", "Paragraph_Separator"],
  ["Cc", "Control"],
  ["Cf", "Format"],
  ["Cs", "Surrogate"],
  ["Co", "Private_Use"],
] as const;

/** Values of Word_Break (UAX 29), in the order of their codes. */
export const wordBreaks = [
  "Other",
  "CR",
  "LF",
  "Newline",
  "Extend",
  "ZWJ",
  "Regional_Indicator",
  "Format",
  "Katakana",
  "Hebrew_Letter",
  "ALetter",
  "Single_Quote",
  "Double_Quote",
  "MidNumLet",
  "MidLetter",
  "MidNum",
  "Numeric",
  "ExtendNumLet",
  "WSegSpace",
] as const;

/** Masks and shifts into a row. */
export const propertyBits = {
  categoryMask: 31,
  whiteSpace: 1 << 5,
  alphabetic: 1 << 6,
  cased: 1 << 7,
  caseIgnorable: 1 << 8,
  pictographic: 1 << 9,
  wordBreakShift: 10,
} as const;
