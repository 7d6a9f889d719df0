/** Word segmentation. Fast twin of `reference/words.ts`, which explains it. */
import { codePointSize, propertiesAt } from "./normal-form";

const whiteSpace: u32 = 1 << 5;
const alphabetic: u32 = 1 << 6;
const pictographic: u32 = 1 << 9;
const decimal: u32 = 9;

/** Codes of Word_Break, in the order of `unicode/properties.ts`. */
const other: u32 = 0;
const cr: u32 = 1;
const lf: u32 = 2;
const newline: u32 = 3;
const extend: u32 = 4;
const zwj: u32 = 5;
const regionalIndicator: u32 = 6;
const format: u32 = 7;
const katakana: u32 = 8;
const hebrewLetter: u32 = 9;
const aLetter: u32 = 10;
const singleQuote: u32 = 11;
const doubleQuote: u32 = 12;
const midNumLet: u32 = 13;
const midLetter: u32 = 14;
const midNum: u32 = 15;
const numeric: u32 = 16;
const extendNumLet: u32 = 17;
const wSegSpace: u32 = 18;

const passedOver: u32 = (1 << extend) | (1 << format) | (1 << zwj);
const newlines: u32 = (1 << cr) | (1 << lf) | (1 << newline);
const letters: u32 = (1 << aLetter) | (1 << hebrewLetter);
const midLetters: u32 = (1 << midLetter) | (1 << midNumLet) | (1 << singleQuote);
const midNumbers: u32 = (1 << midNum) | (1 << midNumLet) | (1 << singleQuote);

// @ts-ignore: decorator
@inline
function isIn(set: u32, value: u32): bool {
  return ((set >> value) & 1) != 0;
}

let spans: usize = 0;
let startTable: usize = 0;
let endTable: usize = 0;
let origin: usize = 0;

// @ts-ignore: decorator
@inline
function add(start: usize, end: usize): void {
  store<u32>(startTable + (spans << 2), (start - origin) as u32);
  store<u32>(endTable + (spans << 2), (end - origin) as u32);
  spans++;
}

/** Spans of each text; `starts` and `ends` hold four bytes for each byte of text. `rule`: 0 Unicode, 1 white space. */
export function segmentWords(
  values: usize,
  offsets: usize,
  length: i32,
  rule: i32,
  starts: usize,
  ends: usize,
  spanOffsets: usize,
): void {
  spans = 0;
  startTable = starts;
  endTable = ends;
  origin = values;
  store<u32>(spanOffsets, 0);
  for (let i: usize = 0; i < (length as usize); i++) {
    const at = offsets + (i << 2);
    const from = values + load<u32>(at);
    const to = values + load<u32>(at, 4);
    if (rule == 0) segment(from, to);
    else splitAtSpace(from, to);
    store<u32>(spanOffsets + (i << 2), spans as u32, 4);
  }
}

function splitAtSpace(from: usize, to: usize): void {
  let start: usize = 0;
  let p = from;
  while (p < to) {
    const isSpace = (propertiesAt(p, to) & whiteSpace) != 0;
    const size = codePointSize();
    if (!isSpace && start == 0) start = p;
    if (isSpace && start != 0) {
      add(start, p);
      start = 0;
    }
    p += size;
  }
  if (start != 0) add(start, to);
}

function segment(from: usize, to: usize): void {
  let start = from;
  let isWord = false;
  let direct = other;
  let previous = other;
  let beforePrevious = other;
  let regionalIndicators: u32 = 0;
  let p = from;
  while (p < to) {
    const properties = propertiesAt(p, to);
    const size = codePointSize();
    const current = (properties >> 10) & 31;
    const passes = isIn(passedOver, current) && p > start && !isIn(newlines, direct);
    if (p > from && !passes) {
      let joined = false;
      if (direct == cr && current == lf) joined = true;
      else if (!isIn(newlines, direct) && !isIn(newlines, current)) {
        joined =
          (direct == zwj && (properties & pictographic) != 0) ||
          (direct == wSegSpace && current == wSegSpace) ||
          joins(beforePrevious, previous, current, p + size, to) ||
          (previous == regionalIndicator && current == previous && (regionalIndicators & 1) == 1);
      }
      if (!joined) {
        if (isWord) add(start, p);
        start = p;
        isWord = false;
      }
    }
    if ((properties & alphabetic) != 0 || (properties & 31) == decimal) isWord = true;
    if (!passes) {
      beforePrevious = previous;
      previous = current;
      regionalIndicators = current == regionalIndicator ? regionalIndicators + 1 : 0;
    }
    direct = current;
    p += size;
  }
  if (isWord) add(start, to);
}

function joins(before: u32, previous: u32, current: u32, next: usize, to: usize): bool {
  if (isIn(letters, previous)) {
    if (isIn(letters, current) || current == numeric || current == extendNumLet) return true;
    if (previous == hebrewLetter && current == singleQuote) return true;
    if (isIn(midLetters, current) && isIn(letters, nextBreak(next, to))) return true;
    return previous == hebrewLetter && current == doubleQuote && nextBreak(next, to) == hebrewLetter;
  }
  if (isIn(midLetters, previous) && isIn(letters, before) && isIn(letters, current)) return true;
  if (previous == doubleQuote && before == hebrewLetter && current == hebrewLetter) return true;
  if (previous == numeric) {
    if (current == numeric || isIn(letters, current) || current == extendNumLet) return true;
    return isIn(midNumbers, current) && nextBreak(next, to) == numeric;
  }
  if (isIn(midNumbers, previous) && before == numeric && current == numeric) return true;
  if (previous == katakana) return current == katakana || current == extendNumLet;
  if (previous != extendNumLet) return false;
  return isIn(letters, current) || current == numeric || current == katakana || current == extendNumLet;
}

function nextBreak(p: usize, to: usize): u32 {
  while (p < to) {
    const found = (propertiesAt(p, to) >> 10) & 31;
    if (!isIn(passedOver, found)) return found;
    p += codePointSize();
  }
  return other;
}
