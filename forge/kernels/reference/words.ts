/**
 * Word segmentation by Unicode's rules (UAX 29, Unicode 17, without dictionaries) or by white space. Plain twin of
 * `assembly/words.ts`. A span is a word when it holds a letter or a digit (Alphabetic or Nd); with white space, any run
 * of other characters is one. Languages without spaces get one word an ideograph, or a run of Thai letters each.
 */
import type { TextColumn, WordRule, WordSpans } from "../types.ts";
import { propertiesOf } from "../unicode/tables.ts";
import { propertyBits, wordBreaks } from "../unicode/properties.ts";
import { sequenceLength } from "./utf8.ts";

type WordBreak = (typeof wordBreaks)[number];

const decimal = 9;

export function segmentWords(column: TextColumn, rule: WordRule = "unicode"): WordSpans {
  const starts: number[] = [];
  const ends: number[] = [];
  const offsets = new Int32Array(column.length + 1);
  for (let i = 0; i < column.length; i++) {
    const from = column.offsets[i] as number;
    const to = column.offsets[i + 1] as number;
    const add = (start: number, end: number): void => {
      starts.push(start);
      ends.push(end);
    };
    if (rule === "unicode") segment(column.values, from, to, add);
    else splitAtSpace(column.values, from, to, add);
    offsets[i + 1] = starts.length;
  }
  return { starts: Int32Array.from(starts), ends: Int32Array.from(ends), offsets };
}

function splitAtSpace(bytes: Uint8Array, from: number, to: number, add: (start: number, end: number) => void): void {
  let start = -1;
  for (let at = from; at < to;) {
    const { properties, size } = read(bytes, at, to);
    const isSpace = (properties & propertyBits.whiteSpace) !== 0;
    if (!isSpace && start < 0) start = at;
    if (isSpace && start >= 0) {
      add(start, at);
      start = -1;
    }
    at += size;
  }
  if (start >= 0) add(start, to);
}

function segment(bytes: Uint8Array, from: number, to: number, add: (start: number, end: number) => void): void {
  let start = from;
  let isWord = false;
  /** Class of the code point before, and of the last two that WB4 does not pass over. */
  let direct: WordBreak = "Other";
  let previous: WordBreak = "Other";
  let beforePrevious: WordBreak = "Other";
  let regionalIndicators = 0;
  for (let at = from; at < to;) {
    const { properties, size } = read(bytes, at, to);
    const current = breakOf(properties);
    const passes = isPassedOver(current) && at > start && !isNewline(direct);
    if (at > from && !passes) {
      const isPictographic = (properties & propertyBits.pictographic) !== 0;
      const following = (): WordBreak => nextBreak(bytes, at + size, to);
      const joined =
        (direct === "CR" && current === "LF") ||
        (!isNewline(direct) &&
          !isNewline(current) &&
          ((direct === "ZWJ" && isPictographic) ||
            (direct === "WSegSpace" && current === "WSegSpace") ||
            joins(beforePrevious, previous, current, following) ||
            (previous === "Regional_Indicator" && current === previous && regionalIndicators % 2 === 1)));
      if (!joined) {
        if (isWord) add(start, at);
        start = at;
        isWord = false;
      }
    }
    if ((properties & propertyBits.alphabetic) !== 0 || (properties & propertyBits.categoryMask) === decimal)
      isWord = true;
    if (!passes) {
      beforePrevious = previous;
      previous = current;
      regionalIndicators = current === "Regional_Indicator" ? regionalIndicators + 1 : 0;
    }
    direct = current;
    at += size;
  }
  if (isWord) add(start, to);
}

/** WB5 to WB13b. */
function joins(before: WordBreak, previous: WordBreak, current: WordBreak, following: () => WordBreak): boolean {
  if (isLetter(previous)) {
    if (isLetter(current) || current === "Numeric" || current === "ExtendNumLet") return true;
    if (previous === "Hebrew_Letter" && current === "Single_Quote") return true;
    if (isMidLetter(current) && isLetter(following())) return true;
    return previous === "Hebrew_Letter" && current === "Double_Quote" && following() === "Hebrew_Letter";
  }
  if (isMidLetter(previous) && isLetter(before) && isLetter(current)) return true;
  if (previous === "Double_Quote" && before === "Hebrew_Letter" && current === "Hebrew_Letter") return true;
  if (previous === "Numeric") {
    if (current === "Numeric" || isLetter(current) || current === "ExtendNumLet") return true;
    return isMidNumber(current) && following() === "Numeric";
  }
  if (isMidNumber(previous) && before === "Numeric" && current === "Numeric") return true;
  if (previous === "Katakana") return current === "Katakana" || current === "ExtendNumLet";
  if (previous !== "ExtendNumLet") return false;
  return isLetter(current) || current === "Numeric" || current === "Katakana" || current === "ExtendNumLet";
}

/** Class of the first code point at or after `at` that WB4 does not pass over. */
function nextBreak(bytes: Uint8Array, from: number, to: number): WordBreak {
  for (let at = from; at < to;) {
    const { properties, size } = read(bytes, at, to);
    const found = breakOf(properties);
    if (!isPassedOver(found)) return found;
    at += size;
  }
  return "Other";
}

function read(bytes: Uint8Array, at: number, end: number): { readonly properties: number; readonly size: number } {
  const lead = bytes[at] as number;
  const size = sequenceLength(bytes, at, end);
  const bits = (i: number): number => (bytes[at + i] as number) & 0x3f;
  if (size === 1) return { properties: propertiesOf(lead), size };
  if (size === 2) return { properties: propertiesOf(((lead & 0x1f) << 6) | bits(1)), size };
  if (size === 3) return { properties: propertiesOf(((lead & 0xf) << 12) | (bits(1) << 6) | bits(2)), size };
  if (size < 0) return { properties: propertiesOf(0xfffd), size: -size };
  return { properties: propertiesOf(((lead & 7) << 18) | (bits(1) << 12) | (bits(2) << 6) | bits(3)), size };
}

function breakOf(properties: number): WordBreak {
  return wordBreaks[(properties >> propertyBits.wordBreakShift) & 31] as WordBreak;
}

function isPassedOver(value: WordBreak): boolean {
  return value === "Extend" || value === "Format" || value === "ZWJ";
}

function isNewline(value: WordBreak): boolean {
  return value === "CR" || value === "LF" || value === "Newline";
}

function isLetter(value: WordBreak): boolean {
  return value === "ALetter" || value === "Hebrew_Letter";
}

function isMidLetter(value: WordBreak): boolean {
  return value === "MidLetter" || value === "MidNumLet" || value === "Single_Quote";
}

function isMidNumber(value: WordBreak): boolean {
  return value === "MidNum" || value === "MidNumLet" || value === "Single_Quote";
}
