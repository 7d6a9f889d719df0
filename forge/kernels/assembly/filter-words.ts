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
function classifyText(start: usize, end: usize, sets: usize): usize {
  blocks = sets;
  origin = start;
  limit = end;
  // One block more than the text fills, so that a word at its end ends.
  const count = ((end - start) >> 6) + 1;
  nextLetters = nextNumbers = nextRuns = nextSingles = 0;
  wideEnd = 0;
  for (let i: usize = 0; i < count; i++) {
    const first = sets + i * blockSetBytes;
    i = classifyAscii(i, count - 1);
    if ((nextLetters | nextNumbers | nextRuns | nextSingles) != 0) addNext(first);
    const block = sets + i * blockSetBytes;
    const wide = load<u64>(block, continuationSet);
    if (wide != 0) classifyWide(start + (i << 6), block, wide);
  }
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

/** Loaded, constants stay in registers; what is written as a constant is made anew for each block. */
const constants: usize = memory.data(13 * 16);
v128.store(constants, i8x16.splat(0x20), 0);
v128.store(constants, i8x16.splat(0x1f), 16);
v128.store(constants, i8x16.splat(-128 + 26), 32);
v128.store(constants, i8x16.splat(0x50), 48);
v128.store(constants, i8x16.splat(-128 + 10), 64);
v128.store(constants, i8x16.splat(0x5f), 80);
v128.store(constants, i8x16.splat(0x77), 96);
v128.store(constants, i8x16.splat(0x64), 112);
v128.store(constants, i8x16.splat(-128 + 5), 128);
v128.store(constants, i8x16.splat(0x27), 144);
v128.store(constants, i8x16.splat(0x2e), 160);
v128.store(constants, i8x16.splat(0x2c), 176);
v128.store(constants, i8x16.splat(0x3b), 192);

/** Makes the sets of blocks from one on, up to the first that has more than ASCII, or the last: which one that is. */
function classifyAscii(from: usize, last: usize): usize {
  const caseBit = v128.load(constants, 0);
  const lettersUp = v128.load(constants, 16);
  const letterLimit = v128.load(constants, 32);
  const numbersUp = v128.load(constants, 48);
  const numberLimit = v128.load(constants, 64);
  const underscore = v128.load(constants, 80);
  const controlsUp = v128.load(constants, 96);
  const separatorsUp = v128.load(constants, 112);
  const controlLimit = v128.load(constants, 128);
  const quote = v128.load(constants, 144);
  const dot = v128.load(constants, 160);
  const comma = v128.load(constants, 176);
  const semicolon = v128.load(constants, 192);
  const spaceEnds = wordsEndAtSpace();
  const behind = ((1 as u64) << (((limit - origin) & 63) as u64)) - 1;
  let block = blocks + from * blockSetBytes;
  let at = origin + (from << 6);
  for (let i = from; ; i++) {
    let letters: u64 = 0;
    let numbers: u64 = 0;
    let underscores: u64 = 0;
    let spaces: u64 = 0;
    let joiners: u64 = 0;
    let numberJoiners: u64 = 0;
    let wide: u64 = 0;
    for (let k: usize = 0; k < 4; k++) {
      const bytes = v128.load(at + (k << 4));
      const shift = (k << 4) as u64;
      // What a range begins with is moved to the least number there is, so that one comparison does.
      const isLetter = i8x16.lt_s(i8x16.add(v128.or(bytes, caseBit), lettersUp), letterLimit);
      const isNumber = i8x16.lt_s(i8x16.add(bytes, numbersUp), numberLimit);
      const isUnderscore = i8x16.eq(bytes, underscore);
      const isControl = v128.or(
        i8x16.lt_s(i8x16.add(bytes, controlsUp), controlLimit),
        i8x16.lt_s(i8x16.add(bytes, separatorsUp), controlLimit),
      );
      const isJoiner = v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, dot));
      const isNumberJoiner = v128.or(i8x16.eq(bytes, comma), i8x16.eq(bytes, semicolon));
      letters |= (i8x16.bitmask(isLetter) as u64) << shift;
      numbers |= (i8x16.bitmask(isNumber) as u64) << shift;
      underscores |= (i8x16.bitmask(isUnderscore) as u64) << shift;
      spaces |= (i8x16.bitmask(isControl) as u64) << shift;
      joiners |= (i8x16.bitmask(isJoiner) as u64) << shift;
      numberJoiners |= (i8x16.bitmask(isNumberJoiner) as u64) << shift;
      wide |= (i8x16.bitmask(bytes) as u64) << shift;
    }
    // Bytes behind the text are nothing at all.
    const inside = i < last ? ~(0 as u64) : behind;
    letters &= inside;
    numbers &= inside;
    const ascii = ~wide & inside;
    const runs = spaceEnds ? ascii & ~spaces : letters | numbers | (underscores & inside);
    const symbols = ascii & ~(runs | spaces);
    store<u64>(block, letters, letterSet);
    store<u64>(block, numbers, numberSet);
    store<u64>(block, runs, runSet);
    store<u64>(block, symbols, singleSet);
    store<u64>(block, symbols, singleStartSet);
    store<u64>(block, letters | numbers, plainSet);
    store<u64>(block, 0, ideographSet);
    store<u64>(block, joiners & symbols, joinerSet);
    store<u64>(block, numberJoiners & symbols, numberJoinerSet);
    store<u64>(block, wide & inside, continuationSet);
    if ((wide & inside) != 0 || i == last) return i;
    at += 64;
    block += blockSetBytes;
  }
  return last;
}

/** What the block before could not hold. */
// @ts-ignore: decorator
@inline
function addNext(block: usize): void {
  store<u64>(block, load<u64>(block, letterSet) | nextLetters, letterSet);
  store<u64>(block, load<u64>(block, numberSet) | nextNumbers, numberSet);
  store<u64>(block, load<u64>(block, runSet) | nextRuns, runSet);
  store<u64>(block, load<u64>(block, singleSet) | nextSingles, singleSet);
  nextLetters = nextNumbers = nextRuns = nextSingles = 0;
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
