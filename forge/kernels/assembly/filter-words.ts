/**
 * Cuts words for the filters' statistics, 64 bytes at a time.
 *
 * Each block becomes bit sets, one bit a byte: letters, numbers, bytes of words, symbols. ASCII is classified in
 * vectors, other characters are looked up one by one and mark all of their bytes. Shifts and masks then find where
 * words begin and end, and where `'` or `.` join two letters; counts are population counts. So nothing branches on
 * where a word ends, which a scalar loop mispredicts once a word.
 */
import {
  classAt,
  kindMask,
  letter,
  mark,
  number,
  connector,
  single,
  space,
  symbol,
  punctuationBit,
  put,
  asciiClass,
  wideClassAt,
  wideCodePointAt,
  wordsEndAtSpace,
} from "./filter-text";

/** Of each block, 8 bytes each: */
const letterSet: usize = 0;
const numberSet: usize = 8;
/** Letters, numbers, underscores and what continues them. */
const runSet: usize = 16;
/** Symbols and ideographs with their marks; their first bytes. */
const singleSet: usize = 24;
const singleStartSet: usize = 32;
/** What makes a word of more than punctuation. */
const plainSet: usize = 40;
const ideographSet: usize = 48;
/** `'` and `.`; `,` and `;`. */
const joinerSet: usize = 56;
const numberJoinerSet: usize = 64;
const continuationSet: usize = 72;
export const blockSetBytes: usize = 80;

let blocks: usize = 0;
let origin: usize = 0;
let limit: usize = 0;

/** What the next block begins with: ends of characters that the block before could not hold. */
let nextLetters: u64 = 0;
let nextNumbers: u64 = 0;
let nextRuns: u64 = 0;
let nextSingles: u64 = 0;
/** Where the last character that was looked up ends, as what it counts, and the symbol that it began or continued. */
let wideEnd: usize = 0;
let wideKind: u32 = space;
let symbolStart: usize = 0;

/**
 * Fills the columns of words; `starts` and `ends` get each word's bounds, counted from the start of the text.
 *
 * @param sets room for `blockSetBytes` for each 64 bytes of text, and 2 blocks more
 * @returns how many words there are
 */
export function cutWords(start: usize, end: usize, sets: usize, starts: usize, ends: usize): i32 {
  const count = classifyText(start, end, sets);

  let words: usize = 0;
  let found: usize = 0;
  let plainWords: u32 = 0;
  let alphabetic: u32 = 0;
  let characters: u32 = 0;
  let plainCharacters: u32 = 0;
  let letterBefore: u64 = 0;
  let numberBefore: u64 = 0;
  let runBefore: u64 = 0;
  let singleBefore: u64 = 0;
  let openWord: u64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const block = sets + i * blockSetBytes;
    const letters = load<u64>(block, letterSet);
    const numbers = load<u64>(block, numberSet);
    const joined = joinedMarks(block, letterBefore, numberBefore);
    const runs = load<u64>(block, runSet) | joined;
    const singles = load<u64>(block, singleSet) & ~joined;
    const singleStarts = load<u64>(block, singleStartSet) & ~joined;
    const plains = load<u64>(block, plainSet);
    const ideographs = load<u64>(block, ideographSet);
    const afterRun = (runs << 1) | runBefore;
    const afterSingle = (singles << 1) | singleBefore;
    const begins = (runs & ~afterRun) | singleStarts;
    const finishes = (afterRun & ~runs) | (afterSingle & (~singles | singleStarts));
    letterBefore = letters >> 63;
    numberBefore = numbers >> 63;
    runBefore = runs >> 63;
    singleBefore = singles >> 63;

    const at = (i << 6) as u32;
    extract(begins, at, starts + (words << 2));
    extract(finishes, at, ends + (found << 2));
    words += popcnt(begins) as usize;
    found += popcnt(finishes) as usize;
    characters += popcnt((runs | singles) & ~load<u64>(block, continuationSet)) as u32;
    plainWords += popcnt(begins & plains) as u32;
    alphabetic += popcnt(begins & (letters | ideographs)) as u32;
    // A symbol of punctuation is one character; what is left are runs that begin with an underscore.
    plainCharacters += popcnt(singleStarts & ~plains) as u32;
    // A word that begins with another character may have a letter further on. In a sum the first bit of such a word
    // moves over all that are no letters: to its first letter, behind its end, or into the next block.
    const others = runs & ~letters;
    const moved = others + (begins & others & plains);
    const movedOn = moved + openWord;
    alphabetic += popcnt(movedOn & letters) as u32;
    openWord = ((moved < others) as u64) | ((movedOn < moved) as u64);
    for (let rest = begins & others & ~plains; rest != 0; rest &= rest - 1) {
      const more = lookThrough(start + (i << 6) + (ctz(rest) as usize));
      alphabetic += more & 1;
      if ((more & 2) != 0) plainWords++;
      else plainCharacters += more >> 2;
    }
  }
  put(2, words as u32);
  put(3, plainWords);
  put(4, characters - plainCharacters);
  put(5, alphabetic);
  return words as i32;
}

/** Counts words as `cutWords` does, and nothing else: where they end is not asked. */
export function countWords(start: usize, end: usize, sets: usize): u32 {
  const count = classifyText(start, end, sets);
  let words: u32 = 0;
  let letterBefore: u64 = 0;
  let numberBefore: u64 = 0;
  let runBefore: u64 = 0;
  for (let i: usize = 0; i < count; i++) {
    const block = sets + i * blockSetBytes;
    const joined = joinedMarks(block, letterBefore, numberBefore);
    const runs = load<u64>(block, runSet) | joined;
    words += popcnt((runs & ~((runs << 1) | runBefore)) | (load<u64>(block, singleStartSet) & ~joined)) as u32;
    letterBefore = load<u64>(block, letterSet) >> 63;
    numberBefore = load<u64>(block, numberSet) >> 63;
    runBefore = runs >> 63;
  }
  return words;
}

/** Fills the sets of a text's blocks, and of one more; returns how many blocks there are. */
// @ts-ignore: decorator
@inline
function classifyText(start: usize, end: usize, sets: usize): usize {
  blocks = sets;
  origin = start;
  limit = end;
  // One block more than the text fills, so that a word at its end ends.
  const count = ((end - start) >> 6) + 1;
  nextLetters = nextNumbers = nextRuns = nextSingles = 0;
  wideEnd = 0;
  for (let i: usize = 0; i < count; i++) classify(start + (i << 6), sets + i * blockSetBytes);
  memory.fill(sets + count * blockSetBytes, 0, blockSetBytes);
  return count;
}

/** Marks of a block that stand between two letters or two numbers and join them. */
// @ts-ignore: decorator
@inline
function joinedMarks(block: usize, letterBefore: u64, numberBefore: u64): u64 {
  const letters = load<u64>(block, letterSet);
  const numbers = load<u64>(block, numberSet);
  const followingLetters = load<u64>(block, blockSetBytes + letterSet) << 63;
  const followingNumbers = load<u64>(block, blockSetBytes + numberSet) << 63;
  const betweenLetters = ((letters << 1) | letterBefore) & ((letters >> 1) | followingLetters);
  const betweenNumbers = ((numbers << 1) | numberBefore) & ((numbers >> 1) | followingNumbers);
  return (
    (load<u64>(block, joinerSet) & (betweenLetters | betweenNumbers)) |
    (load<u64>(block, numberJoinerSet) & betweenNumbers)
  );
}

/** Positions of the bits of a set, written eight at a time: up to seven numbers behind the last mean nothing. */
// @ts-ignore: decorator
@inline
function extract(set: u64, at: u32, target: usize): void {
  let to = target;
  for (let bits = set; bits != 0; to += 32) {
    for (let i: usize = 0; i < 8; i++) {
      store<u32>(to + (i << 2), at + (ctz(bits) as u32));
      bits &= bits - 1;
    }
  }
}

/**
 * Reads a word that begins with punctuation: bit 0 whether it has a letter, bit 1 whether it is more than punctuation,
 * above them its characters.
 */
function lookThrough(from: usize): u32 {
  let found: u32 = 0;
  let characters: u32 = 0;
  let last: u32 = space;
  for (let at = from; at < limit; ) {
    const kind = classAt(at, limit);
    const size = (kind >> 8) as usize;
    const is = kind & kindMask;
    if (is == symbol) {
      if (!joins(at, last) || kindAt(at + size) != last) break;
    } else if (is == space || is == single) break;
    else if (is != mark) last = is;
    if (is == letter) found |= 1;
    if ((kind & punctuationBit) == 0) found |= 2;
    characters += (load<u8>(at) & 0xc0) != 0x80 ? 1 : 0;
    at += size;
  }
  return found | (characters << 2);
}

/** Whether the mark at `at` joins two of a kind into one word. */
function joins(at: usize, kind: u32): bool {
  const byte: u32 = load<u8>(at);
  if (byte == 0x27 || byte == 0x2e) return kind == letter || kind == number;
  if (byte == 0x2c || byte == 0x3b) return kind == number;
  if (byte != 0xe2 || (kind != letter && kind != number)) return false;
  return (wideCodePointAt(at, limit) & 0xffffff) == 0x2019;
}

// @ts-ignore: decorator
@inline
function kindAt(at: usize): u32 {
  return at < limit ? classAt(at, limit) & kindMask : space;
}

/** Makes the sets of 64 bytes. */
function classify(at: usize, block: usize): void {
  let letters: u64 = 0;
  let numbers: u64 = 0;
  let underscores: u64 = 0;
  let spaces: u64 = 0;
  let joiners: u64 = 0;
  let numberJoiners: u64 = 0;
  let wide: u64 = 0;
  for (let i: usize = 0; i < 4; i++) {
    const bytes = v128.load(at + (i << 4));
    const shift = (i << 4) as u64;
    const isLetter = i8x16.lt_u(i8x16.sub(v128.or(bytes, i8x16.splat(0x20)), i8x16.splat(0x61)), i8x16.splat(26));
    const isNumber = i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(10));
    const isUnderscore = i8x16.eq(bytes, i8x16.splat(0x5f));
    const isControl = v128.or(
      i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(9)), i8x16.splat(5)),
      i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x1c)), i8x16.splat(5)),
    );
    const isJoiner = v128.or(i8x16.eq(bytes, i8x16.splat(0x27)), i8x16.eq(bytes, i8x16.splat(0x2e)));
    const isNumberJoiner = v128.or(i8x16.eq(bytes, i8x16.splat(0x2c)), i8x16.eq(bytes, i8x16.splat(0x3b)));
    letters |= (i8x16.bitmask(isLetter) as u64) << shift;
    numbers |= (i8x16.bitmask(isNumber) as u64) << shift;
    underscores |= (i8x16.bitmask(isUnderscore) as u64) << shift;
    spaces |= (i8x16.bitmask(isControl) as u64) << shift;
    joiners |= (i8x16.bitmask(isJoiner) as u64) << shift;
    numberJoiners |= (i8x16.bitmask(isNumberJoiner) as u64) << shift;
    wide |= (i8x16.bitmask(bytes) as u64) << shift;
  }
  // Bytes behind the text are nothing at all.
  const rest = limit - at;
  const inside: u64 = rest >= 64 ? ~0 : ((1 as u64) << (rest as u64)) - 1;
  letters &= inside;
  numbers &= inside;
  const ascii = ~wide & inside;
  const runs = wordsEndAtSpace() ? ascii & ~spaces : letters | numbers | (underscores & inside);
  const symbols = ascii & ~(runs | spaces);
  store<u64>(block, letters | nextLetters, letterSet);
  store<u64>(block, numbers | nextNumbers, numberSet);
  store<u64>(block, runs | nextRuns, runSet);
  store<u64>(block, symbols | nextSingles, singleSet);
  store<u64>(block, symbols, singleStartSet);
  store<u64>(block, letters | numbers, plainSet);
  store<u64>(block, 0, ideographSet);
  store<u64>(block, joiners & symbols, joinerSet);
  store<u64>(block, numberJoiners & symbols, numberJoinerSet);
  store<u64>(block, 0, continuationSet);
  if ((nextLetters | nextNumbers | nextRuns | nextSingles) != 0) nextLetters = nextNumbers = nextRuns = nextSingles = 0;
  if ((wide & inside) != 0) classifyWide(at, block, wide & inside);
}

/** Adds the characters beyond ASCII that begin in a block, one by one. */
function classifyWide(at: usize, block: usize, wide: u64): void {
  let letters: u64 = 0;
  let numbers: u64 = 0;
  let runs: u64 = 0;
  let singles: u64 = 0;
  let singleStarts: u64 = 0;
  let plains: u64 = 0;
  let ideographs: u64 = 0;
  let continuations: u64 = 0;
  for (let i: usize = 0; i < 64; i += 16) {
    continuations |= (i8x16.bitmask(i8x16.lt_s(v128.load(at + i), i8x16.splat(-64))) as u64) << (i as u64);
  }
  for (let bits = wide; bits != 0; ) {
    const shift = ctz(bits);
    const from = at + (shift as usize);
    if (from < wideEnd) {
      // The rest of a character of the block before.
      bits &= bits - 1;
      continue;
    }
    const found = wideClassAt(from, limit);
    const size = (found >> 8) as u64;
    const bytes = ((1 as u64) << size) - 1;
    const set = bytes << shift;
    const spill = shift + size > 64 ? bytes >> (64 - shift) : 0;
    let kind = found & kindMask;
    const isPlain = (found & punctuationBit) == 0;
    if (kind == mark) {
      // A mark is what it continues; at the start of a word it is no letter, but goes on as one.
      const before = kindBefore(from);
      if (before == symbol || before == single) {
        if (from != wideEnd) symbolStart = from - 1;
        singles |= set;
        nextSingles |= spill;
        if (isPlain) {
          if (symbolStart >= at) plains |= (1 as u64) << ((symbolStart - at) as u64);
          else setPlain(symbolStart);
        }
        wideKind = before;
        wideEnd = from + (size as usize);
        bits &= ~set;
        continue;
      }
      kind = before == space ? connector : before;
    }
    if (kind == symbol && joins(from, kindBefore(from)) && kindAt(from + 3) == kindBefore(from)) kind = connector;
    if (kind == letter || kind == number || kind == connector) {
      runs |= set;
      nextRuns |= spill;
      if (kind == letter) {
        letters |= set;
        nextLetters |= spill;
      } else if (kind == number) {
        numbers |= set;
        nextNumbers |= spill;
      }
      if (isPlain) plains |= (1 as u64) << shift;
    } else if (kind != space) {
      singles |= set;
      nextSingles |= spill;
      singleStarts |= (1 as u64) << shift;
      if (isPlain) plains |= (1 as u64) << shift;
      if (kind == single) ideographs |= (1 as u64) << shift;
      symbolStart = from;
    }
    wideKind = kind;
    wideEnd = from + (size as usize);
    bits &= ~set;
  }
  store<u64>(block, load<u64>(block, letterSet) | letters, letterSet);
  store<u64>(block, load<u64>(block, numberSet) | numbers, numberSet);
  store<u64>(block, load<u64>(block, runSet) | runs, runSet);
  store<u64>(block, load<u64>(block, singleSet) | singles, singleSet);
  store<u64>(block, load<u64>(block, singleStartSet) | singleStarts, singleStartSet);
  store<u64>(block, load<u64>(block, plainSet) | plains, plainSet);
  store<u64>(block, ideographs, ideographSet);
  store<u64>(block, continuations, continuationSet);
}

/** What the character before `at` counts as: of marks, what they continue. */
// @ts-ignore: decorator
@inline
function kindBefore(at: usize): u32 {
  return at == wideEnd ? wideKind : at == origin ? space : asciiKind(load<u8>(at - 1));
}

// @ts-ignore: decorator
@inline
function asciiKind(byte: u32): u32 {
  return asciiClass(byte) & kindMask;
}

function setPlain(at: usize): void {
  const index = at - origin;
  const block = blocks + (index >> 6) * blockSetBytes;
  store<u64>(block, load<u64>(block, plainSet) | ((1 as u64) << ((index & 63) as u64)), plainSet);
}
