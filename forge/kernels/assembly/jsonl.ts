/**
 * JSON Lines: finds records, validates all of them, extracts top-level fields. Fast twin of `reference/jsonl.ts`.
 *
 * A record is parsed by an iterative automaton over RFC 8259, strings sixteen bytes at a time. Strings without escapes
 * are referred to where they stand; others are unescaped aside. `gatherColumn` then makes each column contiguous.
 * The chunk must be followed by a line feed (the host writes it into the padding): it ends every scan.
 */
import { countLineFeeds, lineEnd } from "./hash";
import { findInvalid } from "./utf8";

/** Cell of a record and field: state and, above its two bits, the surrogates replaced; pointer; length. */
const cellBytes: usize = 12;
const stateBits: u32 = 2;
const stateMask: u32 = 3;
const cellAbsent: u32 = 0;
const cellString: u32 = 1;
const cellJson: u32 = 2;

const faultTooLong: u32 = 0;
const faultUtf8: u32 = 1;
const faultJson: u32 = 2;
const faultNotObject: u32 = 3;
const fine: u32 = 255;

/** What the automaton expects next. */
const expectValue = 0;
const expectFirstKey = 1;
const expectKey = 2;
const expectFirstElement = 3;
const expectMore = 4;

/** What the byte after a backslash stands for; 0x75 asks for four hexadecimal digits, 0 is not allowed. */
const escapes: usize = memory.data(256);
store<u8>(escapes + 0x22, 0x22);
store<u8>(escapes + 0x5c, 0x5c);
store<u8>(escapes + 0x2f, 0x2f);
store<u8>(escapes + 0x62, 8);
store<u8>(escapes + 0x66, 12);
store<u8>(escapes + 0x6e, 10);
store<u8>(escapes + 0x72, 13);
store<u8>(escapes + 0x74, 9);
store<u8>(escapes + 0x75, 0x75);

let records: i32 = 0;
let quarantined: i32 = 0;
let consumed: usize = 0;
/** Where unescaped strings go next; never more bytes than their sources had. */
let aside: usize = 0;
let fieldTable: usize = 0;
let fieldCount: usize = 0;
let stack: usize = 0;
/** Lone surrogates met so far, those in keys and in values that a later one takes the place of included. */
let loneSurrogates: u32 = 0;
let gatheredSurrogates: u32 = 0;

export function jsonRecordCount(): i32 {
  return records;
}
export function jsonQuarantinedCount(): i32 {
  return quarantined;
}
export function jsonConsumed(): i32 {
  return consumed as i32;
}
/** Most records and quarantined lines of a chunk. */
export function jsonLineBound(source: usize, length: usize): i32 {
  return countLineFeeds(source, length) + 1;
}

/**
 * Fills `cells` (record by record), `recordOffsets` and `faults` (offset, length, code).
 *
 * `fields`: pairs of pointer and length of the wanted names. `depths`: a byte for each byte of the chunk, as is `spare`.
 */
export function scanJsonLines(
  source: usize,
  length: usize,
  isFinal: i32,
  maxRecordBytes: u32,
  fields: usize,
  count: i32,
  cells: usize,
  recordOffsets: usize,
  faults: usize,
  depths: usize,
  spare: usize,
): void {
  const end = source + length;
  records = 0;
  quarantined = 0;
  gatheredSurrogates = 0;
  aside = spare;
  fieldTable = fields;
  fieldCount = count as usize;
  stack = depths;
  // One look at the whole chunk spares a look at each line: a line feed is never part of a sequence.
  const invalid = findInvalid(source, end);
  let p = source;
  while (p < end) {
    const stop = lineEnd(p, end);
    if (stop == end && isFinal == 0) break;
    let q = p;
    while (q < stop && isBlank(load<u8>(q))) q++;
    if (q < stop) {
      let fault: u32;
      if (((stop - p) as u32) > maxRecordBytes) fault = faultTooLong;
      else if (stop > invalid && findInvalid(p, stop) < stop) fault = faultUtf8;
      else fault = parseRecord(q, stop, cells + (records as usize) * fieldCount * cellBytes);
      if (fault == fine) {
        store<u32>(recordOffsets + ((records as usize) << 2), (p - source) as u32);
        records++;
      } else {
        const at = faults + (quarantined as usize) * 12;
        store<u32>(at, (p - source) as u32);
        store<u32>(at, (stop - p) as u32, 4);
        store<u32>(at, fault, 8);
        quarantined++;
      }
    }
    p = stop + 1;
  }
  consumed = (p < end ? p : end) - source;
}

/** Surrogates that became U+FFFD in the columns that were gathered since the last scan. */
export function jsonSurrogateCount(): i32 {
  return gatheredSurrogates;
}

/** The same by record, over all fields. */
export function countRecordSurrogates(cells: usize, counts: usize): void {
  for (let i: usize = 0; i < (records as usize); i++) {
    let sum: u32 = 0;
    for (let field: usize = 0; field < fieldCount; field++) {
      sum += load<u32>(cells + (i * fieldCount + field) * cellBytes) >> stateBits;
    }
    store<u32>(counts + (i << 2), sum);
  }
}

/** Makes the column of one field; returns its bytes. */
export function gatherColumn(cells: usize, field: i32, values: usize, offsets: usize, states: usize): i32 {
  let o = values;
  store<u32>(offsets, 0);
  for (let i: usize = 0; i < (records as usize); i++) {
    const cell = cells + (i * fieldCount + (field as usize)) * cellBytes;
    const length = load<u32>(cell, 8) as usize;
    const state = load<u32>(cell);
    store<u8>(states + i, (state & stateMask) as u8);
    gatheredSurrogates += state >> stateBits;
    memory.copy(o, load<u32>(cell, 4) as usize, length);
    o += length;
    store<u32>(offsets + (i << 2), (o - values) as u32, 4);
  }
  return (o - values) as i32;
}

// @ts-ignore: decorator
@inline
function isBlank(c: u32): bool {
  return c == 0x20 || c == 0x09 || c == 0x0d;
}

// @ts-ignore: decorator
@inline
function isDigit(c: u32): bool {
  return c - 0x30 < 10;
}

/** Parses `[p, end)`, which does not begin with white space, into one row of cells. */
function parseRecord(p: usize, end: usize, row: usize): u32 {
  memory.fill(row, 0, fieldCount * cellBytes);
  const isObject = load<u8>(p) == 0x7b;
  let depth: usize = 0;
  let expect = expectValue;
  /** Cell of the top-level value being read, or 0. */
  let cell: usize = 0;
  let valueStart: usize = 0;
  while (true) {
    while (isBlank(load<u8>(p))) p++;
    if (p >= end) return faultJson;
    let c = load<u8>(p) as u32;
    let isComplete = false;
    if (expect == expectFirstKey) {
      if (c == 0x7d) isComplete = true;
      else expect = expectKey;
    } else if (expect == expectFirstElement) {
      if (c == 0x5d) isComplete = true;
      else expect = expectValue;
    }
    if (isComplete) {
      // An empty object or array.
      p++;
      depth--;
    } else if (expect == expectKey) {
      if (c != 0x22) return faultJson;
      const start = p + 1;
      p = skipString(start);
      if (p == 0) return faultJson;
      if (depth == 1 && isObject) cell = cellOf(start, p - 1, row);
      while (isBlank(load<u8>(p))) p++;
      if (load<u8>(p) != 0x3a) return faultJson;
      p++;
      expect = expectValue;
      continue;
    } else if (expect == expectValue) {
      if (depth == 1) valueStart = p;
      if (c == 0x22) {
        if (depth == 1 && cell != 0) {
          p = copyString(p + 1, cell);
          cell = 0;
        } else p = skipString(p + 1);
        if (p == 0) return faultJson;
      } else if (c == 0x7b || c == 0x5b) {
        store<u8>(stack + depth, c as u8);
        depth++;
        p++;
        expect = c == 0x7b ? expectFirstKey : expectFirstElement;
        continue;
      } else {
        const isNull = c == 0x6e;
        p = skipScalar(p, c);
        if (p == 0 || p > end) return faultJson;
        if (isNull && depth == 1 && cell != 0) {
          store<u32>(cell, cellAbsent);
          store<u32>(cell, 0, 8);
          cell = 0;
        }
      }
    } else {
      // After a value inside an object or array.
      const isInObject = load<u8>(stack + depth - 1) == 0x7b;
      if (c == 0x2c) {
        p++;
        expect = isInObject ? expectKey : expectValue;
        continue;
      }
      if (c != (isInObject ? <u32>0x7d : <u32>0x5d)) return faultJson;
      p++;
      depth--;
    }
    // A value ended at p.
    expect = expectMore;
    if (depth == 1 && cell != 0) {
      store<u32>(cell, cellJson);
      store<u32>(cell, valueStart as u32, 4);
      store<u32>(cell, (p - valueStart) as u32, 8);
      cell = 0;
    }
    if (depth == 0) {
      while (isBlank(load<u8>(p))) p++;
      if (p < end) return faultJson;
      return isObject ? fine : faultNotObject;
    }
  }
}

/** Loaded, they stay in registers; what is written as a constant is made anew for each block. */
const constants: usize = memory.data(3 * 16);
v128.store(constants, i8x16.splat(0x22), 0);
v128.store(constants, i8x16.splat(0x5c), 16);
v128.store(constants, i8x16.splat(0x1f), 32);

/** All ones for what ends a run of characters in a string: a quote, a backslash, what may not stand in one. */
// @ts-ignore: decorator
@inline
function specialBytes(block: v128, quote: v128, backslash: v128, control: v128): v128 {
  return v128.or(
    v128.or(i8x16.eq(block, quote), i8x16.eq(block, backslash)),
    i8x16.eq(i8x16.min_u(block, control), block),
  );
}

/** Validates a string from after its opening quote; returns the byte after its closing quote, or 0. */
function skipString(p: usize): usize {
  const quote = v128.load(constants, 0);
  const backslash = v128.load(constants, 16);
  const control = v128.load(constants, 32);
  while (true) {
    const v = v128.load(p);
    const mask = i8x16.bitmask(specialBytes(v, quote, backslash, control)) as u32;
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += ctz(mask) as usize;
    const c = load<u8>(p);
    if (c == 0x22) return p + 1;
    if (c != 0x5c) return 0;
    const byte = load<u8>(escapes + (load<u8>(p, 1) as usize));
    if (byte == 0) return 0;
    if (byte == 0x75) {
      if (hex(p + 2) > 0xffff) return 0;
      p += 6;
    } else p += 2;
  }
}

/** Four hexadecimal digits, or more than 0xffff when they are not. */
function hex(p: usize): u32 {
  let value: u32 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const c = load<u8>(p + i) as u32;
    let digit = c - 0x30;
    if (digit > 9) {
      digit = (c | 0x20) - 0x61;
      if (digit > 5) return 0x10000;
      digit += 10;
    }
    value = (value << 4) | digit;
  }
  return value;
}

/** Validates true, false, null or a number; returns its end, or 0. */
function skipScalar(p: usize, c: u32): usize {
  if (c == 0x74) return load<u32>(p) == 0x65757274 ? p + 4 : 0;
  if (c == 0x6e) return load<u32>(p) == 0x6c6c756e ? p + 4 : 0;
  if (c == 0x66) return load<u32>(p, 1) == 0x65736c61 ? p + 5 : 0;
  if (c == 0x2d) c = load<u8>(++p) as u32;
  if (!isDigit(c)) return 0;
  p++;
  if (c != 0x30) while (isDigit(load<u8>(p))) p++;
  if (load<u8>(p) == 0x2e) {
    if (!isDigit(load<u8>(++p))) return 0;
    while (isDigit(load<u8>(p))) p++;
  }
  if ((load<u8>(p) | 0x20) == 0x65) {
    p++;
    if (load<u8>(p) == 0x2b || load<u8>(p) == 0x2d) p++;
    if (!isDigit(load<u8>(p))) return 0;
    while (isDigit(load<u8>(p))) p++;
  }
  return p;
}

/** Cell of a key's field in this row, or 0 when it is not wanted. */
function cellOf(start: usize, end: usize, row: usize): usize {
  let name = start;
  let length = end - start;
  if (hasEscape(start, end)) {
    name = aside;
    const before = loneSurrogates;
    const stop = unescape(start, end, name);
    if (loneSurrogates != before) return 0;
    length = stop - name;
  }
  for (let i: usize = 0; i < fieldCount; i++) {
    const field = fieldTable + (i << 3);
    if ((load<u32>(field, 4) as usize) != length) continue;
    if (memory.compare(load<u32>(field) as usize, name, length) == 0) return row + i * cellBytes;
  }
  return 0;
}

/**
 * Validates a wanted string from after its opening quote while copying it aside, unescaped; returns the byte after its
 * closing quote, or 0. Escapes shrink, so the copy stays within the space of its source.
 */
function copyString(p: usize, cell: usize): usize {
  const quote = v128.load(constants, 0);
  const backslash = v128.load(constants, 16);
  const control = v128.load(constants, 32);
  let o = aside;
  const before = loneSurrogates;
  while (true) {
    const v = v128.load(p);
    v128.store(o, v);
    const mask = i8x16.bitmask(specialBytes(v, quote, backslash, control)) as u32;
    if (mask == 0) {
      p += 16;
      o += 16;
      continue;
    }
    const run = ctz(mask) as usize;
    p += run;
    o += run;
    const c = load<u8>(p);
    if (c == 0x22) break;
    if (c != 0x5c) return 0;
    do {
      const byte = load<u8>(escapes + (load<u8>(p, 1) as usize)) as u32;
      if (byte == 0) return 0;
      if (byte == 0x75) {
        p = copyHexEscape(p + 2, o);
        if (p == 0) return 0;
        o = hexEscapeEnd;
      } else {
        store<u8>(o++, byte as u8);
        p += 2;
      }
    } while (load<u8>(p) == 0x5c);
  }
  store<u32>(cell, cellString | ((loneSurrogates - before) << stateBits));
  store<u32>(cell, aside as u32, 4);
  store<u32>(cell, (o - aside) as u32, 8);
  aside = o;
  return p + 1;
}

/** Where the output of the last `copyHexEscape` ends. */
let hexEscapeEnd: usize = 0;

/** Writes the code point of `\uXXXX`, whose digits begin at `p`, and of the low surrogate after a high one. */
function copyHexEscape(p: usize, o: usize): usize {
  let cp = hex(p);
  if (cp > 0xffff) return 0;
  p += 4;
  if ((cp & 0xfc00) == 0xd800 && load<u16>(p) == 0x755c) {
    const low = hex(p + 2);
    if ((low & 0xfffffc00) == 0xdc00) {
      cp = 0x10000 + ((cp & 0x3ff) << 10) + (low & 0x3ff);
      p += 6;
    }
  }
  if ((cp & 0xfffff800) == 0xd800) {
    cp = 0xfffd;
    loneSurrogates++;
  }
  hexEscapeEnd = writeUtf8(o, cp);
  return p;
}

function hasEscape(p: usize, end: usize): bool {
  while (p < end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), i8x16.splat(0x5c))) as u32;
    if (mask != 0) return p + (ctz(mask) as usize) < end;
    p += 16;
  }
  return false;
}

/** Unescapes a valid string; returns where the output ends. A lone surrogate becomes U+FFFD. */
function unescape(p: usize, end: usize, o: usize): usize {
  while (p < end) {
    const v = v128.load(p);
    const mask = i8x16.bitmask(i8x16.eq(v, i8x16.splat(0x5c))) as u32;
    v128.store(o, v);
    let run: usize = mask == 0 ? 16 : (ctz(mask) as usize);
    if (run > end - p) run = end - p;
    p += run;
    o += run;
    while (p < end && load<u8>(p) == 0x5c) {
      const byte = load<u8>(escapes + (load<u8>(p, 1) as usize)) as u32;
      p += 2;
      if (byte == 0x75) {
        p = copyHexEscape(p, o);
        o = hexEscapeEnd;
      } else store<u8>(o++, byte as u8);
    }
  }
  return o;
}

function writeUtf8(o: usize, cp: u32): usize {
  if (cp < 0x80) {
    store<u8>(o, cp as u8);
    return o + 1;
  }
  if (cp < 0x800) {
    store<u8>(o, (0xc0 | (cp >> 6)) as u8);
    store<u8>(o, (0x80 | (cp & 63)) as u8, 1);
    return o + 2;
  }
  if (cp < 0x10000) {
    store<u8>(o, (0xe0 | (cp >> 12)) as u8);
    store<u8>(o, (0x80 | ((cp >> 6) & 63)) as u8, 1);
    store<u8>(o, (0x80 | (cp & 63)) as u8, 2);
    return o + 3;
  }
  store<u8>(o, (0xf0 | (cp >> 18)) as u8);
  store<u8>(o, (0x80 | ((cp >> 12) & 63)) as u8, 1);
  store<u8>(o, (0x80 | ((cp >> 6) & 63)) as u8, 2);
  store<u8>(o, (0x80 | (cp & 63)) as u8, 3);
  return o + 4;
}
