/**
 * C4's line rules. Fast twin of `reference/c4-lines.ts`, which explains them.
 *
 * A line is judged where it stands, and copied when it is kept; only a line with a bracket is copied first, without its
 * citations. The phrases are looked for all at once, by two letters that are rare in each.
 */
import { countSentences } from "./c4-sentences";
import { classAt, kindMask, separatorBits, separatorLength, skipSpace, space, stripEnd } from "./filter-text";

/** Which rules are on: bits as the host packs them. */
const terminalPunctuation: u32 = 1;
const removeCitations: u32 = 2;
const javascriptRule: u32 = 4;
const policyRule: u32 = 8;
const loremIpsumRule: u32 = 16;
const curlyBracketRule: u32 = 32;
const phraseRules: u32 = javascriptRule | policyRule | loremIpsumRule | curlyBracketRule;

let rules: u32 = 0;
let minWords: u32 = 0;
let maxWordLength: u32 = ~0;

/** Where edited texts go, and where the next one begins. */
let output: usize = 0;
let written: usize = 0;

/** What the last edit found besides the text; `editText` fills it. */
export let changed: bool = false;
export let sentences: u32 = 0;
export let loremIpsum: bool = false;
export let curlyBracket: bool = false;
export let keptLines: u32 = 0;
export let droppedLines: u32 = 0;

export function setC4Rules(bits: u32, words: u32, wordLength: u32): void {
  rules = bits;
  minWords = words;
  maxWordLength = wordLength;
}

/** Begins a batch; `buffer` has room for all of its texts. */
export function beginEdits(buffer: usize): void {
  output = buffer;
  written = buffer;
}

/** Where the last edited text begins and ends. */
export let editedStart: usize = 0;
export let editedEnd: usize = 0;

/** Bytes of the edited texts so far. */
export function editedBytes(): u32 {
  return (written - output) as u32;
}

let sawBracket: bool = false;

/** Edits a text: kept lines, stripped, joined by line feeds, and stripped as a whole. */
export function editText(start: usize, end: usize): void {
  const begin = written;
  let to = begin;
  sentences = keptLines = droppedLines = 0;
  loremIpsum = curlyBracket = false;
  for (let lineStart = start; lineStart < end; ) {
    const lineEnd = findSeparator(lineStart, end);
    let from = skipSpace(lineStart, lineEnd);
    let until = stripEnd(from, lineEnd);
    lineStart = lineEnd < end ? lineEnd + separatorLength(lineEnd, end) : end;

    const cites = sawBracket && (rules & removeCitations) != 0;
    if (!cites && (rules & terminalPunctuation) != 0 && !endsInPunctuation(from, until)) {
      droppedLines++;
      continue;
    }
    if (!hasGoodWords(from, until)) {
      droppedLines++;
      continue;
    }
    const lineTo = keptLines == 0 ? to : to + 1;
    if (cites) {
      until = copyWithoutCitations(from, until, lineTo);
      from = lineTo;
      if ((rules & terminalPunctuation) != 0 && !endsInPunctuation(from, until)) {
        droppedLines++;
        continue;
      }
    }
    if ((rules & phraseRules) != 0) {
      const found = findPhrases(from, until) & rules;
      if ((found & loremIpsumRule) != 0) {
        loremIpsum = true;
        break;
      }
      if ((found & javascriptRule) != 0) {
        droppedLines++;
        continue;
      }
      if ((found & curlyBracketRule) != 0) {
        curlyBracket = true;
        break;
      }
      if ((found & policyRule) != 0) {
        droppedLines++;
        continue;
      }
    }
    sentences += countSentences(from, until);
    if (keptLines > 0) store<u8>(to, 0x0a);
    if (!cites) copy(from, until, lineTo);
    to = lineTo + (until - from);
    keptLines++;
  }
  const from = skipSpace(begin, to);
  const until = stripEnd(from, to);
  // Forwards, as the target never lies behind the source.
  if (from > begin) copy(from, until, begin);
  editedStart = begin;
  editedEnd = written = begin + (until - from);
  changed = until - from != end - start || !equals(start, begin, end - start);
}

/** Where the next line separator begins, or `end`; tells whether an opening bracket stands before it. */
function findSeparator(start: usize, end: usize): usize {
  sawBracket = false;
  for (let block = start; block < end; block += 16) {
    const bytes = v128.load(block);
    const brackets = i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(0x5b))) as u32;
    for (let bits = separatorBits(bytes, v128.load(block, 1)); bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      if (at >= end) break;
      if (separatorLength(at, end) == 0) continue;
      sawBracket = sawBracket || (brackets & ((bits & -bits) - 1)) != 0;
      return at;
    }
    sawBracket = sawBracket || brackets != 0;
  }
  return end;
}

/** Enough words between white space, none of them too long. */
function hasGoodWords(start: usize, end: usize): bool {
  // A word has no more characters than bytes.
  const mayBeLong = end - start > (maxWordLength as usize);
  if (minWords == 0 && !mayBeLong) return true;
  let words: u32 = 0;
  let at = start;
  if (!mayBeLong) {
    let spaceBefore: u32 = 1;
    for (; at + 16 <= end; at += 16) {
      const bytes = v128.load(at);
      if (i8x16.bitmask(bytes) != 0) break;
      const spaces = i8x16.bitmask(asciiSpaces(bytes)) as u32;
      words += popcnt(~spaces & ((spaces << 1) | spaceBefore) & 0xffff);
      if (words >= minWords) return true;
      spaceBefore = (spaces >> 15) & 1;
    }
    // What is left is read character by character, from where a word may have begun.
    if (spaceBefore == 0) while (at < end && (classAt(at, end) & kindMask) != space) at += classAt(at, end) >> 8;
  }
  let length: u32 = 0;
  while (at < end) {
    const found = classAt(at, end);
    if ((found & kindMask) == space) length = 0;
    else {
      if (length++ == 0) words++;
      if (mayBeLong && length > maxWordLength) return false;
      if (!mayBeLong && words >= minWords) return true;
    }
    at += (found >> 8) as usize;
  }
  return words >= minWords;
}

// @ts-ignore: decorator
@inline
function asciiSpaces(bytes: v128): v128 {
  return v128.or(
    i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(9)), i8x16.splat(5)),
    i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x1c)), i8x16.splat(5)),
  );
}

/** Ends in . ? ! " or ', but not in an ellipsis. */
function endsInPunctuation(start: usize, end: usize): bool {
  if (end == start) return false;
  const last: u32 = load<u8>(end - 1);
  if (last == 0x2e) return !(end - start >= 3 && load<u8>(end - 2) == 0x2e && load<u8>(end - 3) == 0x2e);
  return last == 0x3f || last == 0x21 || last == 0x22 || last == 0x27;
}

/** Copies a line without `[12]`, `[]`, `[edit]` and `[citation needed]`; returns where it ends. */
function copyWithoutCitations(start: usize, end: usize, target: usize): usize {
  let to = target;
  for (let at = start; at < end; ) {
    const byte: u32 = load<u8>(at);
    const citation = byte == 0x5b ? citationLength(at, end) : 0;
    at += citation;
    if (citation > 0) continue;
    store<u8>(to++, byte);
    at++;
  }
  return to;
}

const edit = memory.data<u8>([0x5b, 0x65, 0x64, 0x69, 0x74, 0x5d]);
const citationNeeded = memory.data<u8>([
  0x5b, 0x63, 0x69, 0x74, 0x61, 0x74, 0x69, 0x6f, 0x6e, 0x20, 0x6e, 0x65, 0x65, 0x64, 0x65, 0x64, 0x5d,
]);

function citationLength(at: usize, end: usize): usize {
  let to = at + 1;
  while (to < end && (load<u8>(to) as u32) - 0x30 < 10) to++;
  if (to < end && load<u8>(to) == 0x5d) return to + 1 - at;
  if (at + 6 <= end && equals(at, edit, 6)) return 6;
  return at + 17 <= end && equals(at, citationNeeded, 17) ? 17 : 0;
}

/** The phrases in lower case. */
const javascript = memory.data<u8>([0x6a, 0x61, 0x76, 0x61, 0x73, 0x63, 0x72, 0x69, 0x70, 0x74]);
const lorem = memory.data<u8>([0x6c, 0x6f, 0x72, 0x65, 0x6d, 0x20, 0x69, 0x70, 0x73, 0x75, 0x6d]);
const termsOfUse = memory.data<u8>([0x74, 0x65, 0x72, 0x6d, 0x73, 0x20, 0x6f, 0x66, 0x20, 0x75, 0x73, 0x65]);
const privacyPolicy = memory.data<u8>([
  0x70, 0x72, 0x69, 0x76, 0x61, 0x63, 0x79, 0x20, 0x70, 0x6f, 0x6c, 0x69, 0x63, 0x79,
]);
const cookiePolicy = memory.data<u8>([0x63, 0x6f, 0x6f, 0x6b, 0x69, 0x65, 0x20, 0x70, 0x6f, 0x6c, 0x69, 0x63, 0x79]);
const usesCookies = memory.data<u8>([0x75, 0x73, 0x65, 0x73, 0x20, 0x63, 0x6f, 0x6f, 0x6b, 0x69, 0x65, 0x73]);
const useOfCookies = memory.data<u8>([
  0x75, 0x73, 0x65, 0x20, 0x6f, 0x66, 0x20, 0x63, 0x6f, 0x6f, 0x6b, 0x69, 0x65, 0x73,
]);
const useCookies = memory.data<u8>([0x75, 0x73, 0x65, 0x20, 0x63, 0x6f, 0x6f, 0x6b, 0x69, 0x65, 0x73]);

/** Two letters in a row, in either case; more than letters pass, which the comparison finds out. */
// @ts-ignore: decorator
@inline
function pairs(bytes: v128, next: v128, first: i8, second: i8): v128 {
  return v128.and(i8x16.eq(bytes, i8x16.splat(first)), i8x16.eq(next, i8x16.splat(second)));
}

/** Bits of the rules whose phrase, or whose bracket, stands in a line. */
function findPhrases(start: usize, end: usize): u32 {
  let found: u32 = 0;
  for (let block = start; block < end; block += 16) {
    const raw = v128.load(block);
    const bytes = v128.or(raw, i8x16.splat(0x20));
    const next = v128.or(v128.load(block, 1), i8x16.splat(0x20));
    const hits = v128.or(
      v128.or(pairs(bytes, next, 0x6a, 0x61), pairs(bytes, next, 0x70, 0x73)),
      v128.or(
        v128.or(pairs(bytes, next, 0x6d, 0x73), pairs(bytes, next, 0x63, 0x79)),
        v128.or(pairs(bytes, next, 0x6b, 0x69), i8x16.eq(raw, i8x16.splat(0x7b))),
      ),
    );
    for (let bits = i8x16.bitmask(hits) as u32; bits != 0; bits &= bits - 1) {
      const at = block + (ctz(bits) as usize);
      if (at >= end) break;
      const byte: u32 = load<u8>(at);
      if (byte == 0x7b) {
        found |= curlyBracketRule;
        continue;
      }
      const lower = byte | 0x20;
      if (lower == 0x6a) found |= stands(start, end, at, javascript, 10) ? javascriptRule : 0;
      else if (lower == 0x70) found |= stands(start, end, at - 7, lorem, 11) ? loremIpsumRule : 0;
      else if (lower == 0x6d) found |= stands(start, end, at - 3, termsOfUse, 12) ? policyRule : 0;
      else if (lower == 0x63) found |= stands(start, end, at - 5, privacyPolicy, 14) ? policyRule : 0;
      else if (
        stands(start, end, at - 3, cookiePolicy, 13) ||
        stands(start, end, at - 8, usesCookies, 12) ||
        stands(start, end, at - 10, useOfCookies, 14) ||
        stands(start, end, at - 7, useCookies, 11)
      ) {
        found |= policyRule;
      }
    }
  }
  return found;
}

/** Whether a phrase stands at `at`, in either case of ASCII letters. */
function stands(start: usize, end: usize, at: usize, phrase: usize, bytes: usize): bool {
  if (at < start || at + bytes > end) return false;
  for (let i: usize = 0; i < bytes; i++) {
    const byte: u32 = load<u8>(at + i);
    if ((byte - 0x41 < 26 ? byte | 0x20 : byte) != (load<u8>(phrase + i) as u32)) return false;
  }
  return true;
}

/** Copies by blocks: up to 15 bytes behind the target change too. */
function copy(start: usize, end: usize, target: usize): void {
  let to = target;
  for (let at = start; at < end; at += 16, to += 16) v128.store(to, v128.load(at));
}

function equals(a: usize, b: usize, bytes: usize): bool {
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    if (i8x16.bitmask(i8x16.ne(v128.load(a + i), v128.load(b + i))) != 0) return false;
  }
  for (; i < bytes; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}
