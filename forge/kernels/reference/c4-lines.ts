/**
 * The plain twin of the kernel that applies C4's line rules: definitions in ../filter-types.ts.
 *
 * Order of the rules within a line, as in datatrove: too long a word, citations cut, end of line, too few words, lorem
 * ipsum, javascript, curly bracket, policy. Words are what stands between white space; they are counted before
 * citations are cut.
 */
import { filterClassTable, kindMask, terminalBit, wordKind } from "../filter-classes.ts";
import {
  filterStatisticNames,
  finewebStatisticNames,
  type C4Edit,
  type C4LineRules,
  type C4Measure,
  type EditedStatistics,
  type EditedStatisticsChoice,
} from "../filter-types.ts";
import type { TextColumn } from "../types.ts";
import { filterStatistics } from "./filter-statistics.ts";
import { codePointAt, isSpace, lineSeparatorLength, skipSpace, stripEnd } from "./filter-text.ts";

const javascript: readonly Uint8Array[] = [Buffer.from("javascript")];
const loremIpsum: readonly Uint8Array[] = [Buffer.from("lorem ipsum")];
const policies: readonly Uint8Array[] = [
  "terms of use",
  "privacy policy",
  "cookie policy",
  "uses cookies",
  "use of cookies",
  "use cookies",
].map((text) => Buffer.from(text));
const citations: readonly Uint8Array[] = [Buffer.from("[edit]"), Buffer.from("[citation needed]")];

export function c4Lines(column: TextColumn, rules: C4LineRules): C4Edit {
  const { length } = column;
  const first = column.offsets[0] as number;
  const values = new Uint8Array((column.offsets[length] as number) - first);
  const edit = {
    text: { values, offsets: new Int32Array(length + 1), length },
    changed: new Uint8Array(length),
    sentences: new Uint32Array(length),
    loremIpsum: new Uint8Array(length),
    curlyBracket: new Uint8Array(length),
    keptLines: new Uint32Array(length),
    droppedLines: new Uint32Array(length),
  };
  let to = 0;
  for (let row = 0; row < length; row++) {
    to = editDocument(column, row, rules, edit, to);
    edit.text.offsets[row + 1] = to;
  }
  return { ...edit, text: { ...edit.text, values: values.subarray(0, to) } };
}

/** Counts of texts and of what the rules leave of them. */
export function measureC4(column: TextColumn, rules: C4LineRules, choice: EditedStatisticsChoice): C4Measure {
  const edit = c4Lines(column, rules);
  const edited = filterStatistics(edit.text);
  const names = choice === "all" ? filterStatisticNames : finewebStatisticNames;
  return {
    statistics: filterStatistics(column),
    edit,
    // Every name of a choice is among the names.
    edited: Object.fromEntries(names.map((name) => [name, edited[name]])) as unknown as EditedStatistics,
  };
}

type Writable = { -readonly [K in keyof C4Edit]: C4Edit[K] };

/** Writes the kept lines from `begin` on; returns where they end. */
function editDocument(column: TextColumn, row: number, rules: C4LineRules, edit: Writable, begin: number): number {
  const bytes = column.values;
  const output = edit.text.values;
  const start = column.offsets[row] as number;
  const end = column.offsets[row + 1] as number;
  let to = begin;
  let kept = 0;
  let dropped = 0;
  for (let lineStart = start; lineStart < end;) {
    let lineEnd = lineStart;
    let separator = 0;
    while (lineEnd < end && (separator = lineSeparatorLength(bytes, lineEnd, end)) === 0) lineEnd++;
    const from = skipSpace(bytes, lineStart, lineEnd);
    const until = stripEnd(bytes, from, lineEnd);
    lineStart = lineEnd + separator;

    const words = countWords(bytes, from, until, rules.maxWordLength);
    if (words < 0) {
      dropped++;
      continue;
    }
    // The line is written behind the kept ones at once; dropping it means forgetting where it ends.
    const lineTo = kept === 0 ? to : to + 1;
    const lineUntil = copyLine(bytes, from, until, output, lineTo, rules.removeCitations);
    if (
      (rules.terminalPunctuation && !endsInPunctuation(output, lineTo, lineUntil)) ||
      words < (rules.minWordsPerLine ?? 0)
    ) {
      dropped++;
      continue;
    }
    if (rules.loremIpsum && containsAny(output, lineTo, lineUntil, loremIpsum)) {
      edit.loremIpsum[row] = 1;
      break;
    }
    if (rules.javascript && containsAny(output, lineTo, lineUntil, javascript)) {
      dropped++;
      continue;
    }
    if (rules.curlyBracket && output.subarray(lineTo, lineUntil).includes(0x7b)) {
      edit.curlyBracket[row] = 1;
      break;
    }
    if (rules.policy && containsAny(output, lineTo, lineUntil, policies)) {
      dropped++;
      continue;
    }
    if (kept > 0) output[to] = 0x0a;
    edit.sentences[row] = (edit.sentences[row] as number) + countSentences(output, lineTo, lineUntil);
    to = lineUntil;
    kept++;
  }
  const from = skipSpace(output, begin, to);
  const until = stripEnd(output, from, to);
  output.copyWithin(begin, from, until);
  const length = until - from;
  edit.keptLines[row] = kept;
  edit.droppedLines[row] = dropped;
  edit.changed[row] = length === end - start && equalBytes(bytes, start, output, begin, length) ? 0 : 1;
  return begin + length;
}

/** Words between white space, or -1 when one has more code points than `maxLength`. */
function countWords(bytes: Uint8Array, start: number, end: number, maxLength: number | null): number {
  let words = 0;
  let length = 0;
  for (let at = start; at < end;) {
    const codePoint = codePointAt(bytes, at, end);
    if (isSpace(codePoint.value)) length = 0;
    else {
      if (length++ === 0) words++;
      if (maxLength !== null && length > maxLength) return -1;
    }
    at += codePoint.bytes;
  }
  return words;
}

/** Copies a line, without citations if so wished; returns where it ends. */
function copyLine(
  bytes: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  begin: number,
  removeCitations: boolean,
): number {
  let to = begin;
  for (let at = start; at < end;) {
    const citation = removeCitations && bytes[at] === 0x5b ? citationLength(bytes, at, end) : 0;
    if (citation > 0) at += citation;
    else output[to++] = bytes[at++] as number;
  }
  return to;
}

/** Bytes of `[12]`, `[]`, `[edit]` or `[citation needed]` at a bracket, or 0. */
function citationLength(bytes: Uint8Array, at: number, end: number): number {
  let to = at + 1;
  while (to < end && (bytes[to] as number) >= 0x30 && (bytes[to] as number) <= 0x39) to++;
  if (to < end && bytes[to] === 0x5d) return to + 1 - at;
  for (const citation of citations) {
    if (at + citation.length <= end && equalBytes(bytes, at, citation, 0, citation.length)) return citation.length;
  }
  return 0;
}

/** Ends in . ? ! " or ', but not in an ellipsis. */
function endsInPunctuation(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start) return false;
  const last = bytes[end - 1] as number;
  if (last === 0x2e) return !(end - start >= 3 && bytes[end - 2] === 0x2e && bytes[end - 3] === 0x2e);
  return last === 0x3f || last === 0x21 || last === 0x22 || last === 0x27;
}

/** Whether a lower-case ASCII needle stands in the bytes, whatever the case there. */
function containsAny(bytes: Uint8Array, start: number, end: number, needles: readonly Uint8Array[]): boolean {
  for (const needle of needles) {
    const first = needle[0] as number;
    for (let at = start; at + needle.length <= end; at++) {
      if (lower(bytes[at] as number) !== first) continue;
      let i = 1;
      while (i < needle.length && lower(bytes[at + i] as number) === needle[i]) i++;
      if (i === needle.length) return true;
    }
  }
  return false;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
}

/** Sentences of a line; what stands behind the last terminator is one, too. */
function countSentences(bytes: Uint8Array, start: number, end: number): number {
  const classes = filterClassTable();
  let sentences = 0;
  let open = false;
  for (let at = start; at < end;) {
    const codePoint = codePointAt(bytes, at, end);
    const kind = classes[codePoint.value] as number;
    at += codePoint.bytes;
    if ((kind & terminalBit) === 0) {
      if ((kind & kindMask) !== wordKind.space) open = true;
      continue;
    }
    let last = codePoint.value;
    while (at < end) {
      const next = codePointAt(bytes, at, end);
      const terminal = ((classes[next.value] as number) & terminalBit) !== 0;
      if (!terminal && !closers.has(next.value)) break;
      if (terminal) last = next.value;
      at += next.bytes;
    }
    const after = skipSpace(bytes, at, end);
    const startsLower = after < end && isLower(bytes[after] as number);
    open = after < end && !fullStops.has(last) && (after === at || startsLower);
    if (!open) sentences++;
  }
  return open ? sentences + 1 : sentences;
}

function isLower(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a;
}

/** Quotes and brackets that may close a sentence behind its terminator. */
const closers: ReadonlySet<number> = new Set([..."\"')]}»”’›」』）】"].map((c) => c.codePointAt(0) as number));
/** Terminators of scripts without spaces. */
const fullStops: ReadonlySet<number> = new Set([..."。！？．"].map((c) => c.codePointAt(0) as number));

function equalBytes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aStart + i] !== b[bStart + i]) return false;
  return true;
}
