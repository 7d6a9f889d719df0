/**
 * Vocabulary and merges of a `tokenizer.json` from its bytes. The host (`forge/kernels/bpe-scan.ts`) finds where they
 * begin; `JSON.parse` is the plain twin, and reads whatever is not exactly as usual.
 *
 * Every function gives 0 at what it does not expect; the JSON that it does pass over is checked wholly. A zero behind
 * the file ends every loop. Contents of tokens stand one behind the other in the pool, in UTF-8 without escapes.
 */
const maxVocabularySize: u32 = (1 << 21) - 1;

let at: usize = 0;
let pool: usize = 0;
/** End of the tokens' contents, and of what is being read behind them. */
let used: usize = 0;
let open: usize = 0;
/** By place in the file's order: end of the content in the pool, and id. */
let ends: usize = 0;
let ids: usize = 0;
let count: u32 = 0;
let highestId: i32 = -1;
/** Place + 1 by hash of the content, and by id. */
let slots: usize = 0;
let slotMask: u32 = 0;
let mergeCount: u32 = 0;

export function scannedTokens(): i32 {
  return count;
}
export function highestScannedId(): i32 {
  return highestId;
}
export function scannedMerges(): i32 {
  return mergeCount;
}

/**
 * Reads `{"token": id, …}` at a place; gives its end.
 *
 * @param target room for as many bytes as the file has
 * @param endTable, idTable room for as many values as the object can have
 */
export function scanVocabulary(start: usize, target: usize, endTable: usize, idTable: usize): usize {
  at = start;
  pool = target;
  used = target;
  open = target;
  ends = endTable;
  ids = idTable;
  count = 0;
  highestId = -1;
  if (!take(0x7b)) return 0;
  do {
    if (!readString() || !take(0x3a)) return 0;
    const id = readId();
    if (id < 0) return 0;
    store<u32>(ends + 4 * count, (open - pool) as u32);
    store<u32>(ids + 4 * count, id);
    count++;
    used = open;
    if (id > highestId) highestId = id;
  } while (take(0x2c));
  return take(0x7d) ? at : 0;
}

/** Makes the tables, zero before; 0 where a content or an id is there twice. `slotCount` is a power of two. */
export function indexVocabulary(slotTable: usize, slotCount: u32, byId: usize): i32 {
  slots = slotTable;
  slotMask = slotCount - 1;
  let start = pool;
  for (let i: u32 = 0; i < count; i++) {
    const end = pool + load<u32>(ends + 4 * i);
    const slot = find(start, end);
    const known = byId + 4 * load<u32>(ids + 4 * i);
    if (load<u32>(slot) != 0 || load<u32>(known) != 0) return 0;
    store<u32>(slot, i + 1);
    store<u32>(known, i + 1);
    start = end;
  }
  return 1;
}

/** Id of the token with this content, or -1. */
export function scannedId(start: usize, bytes: usize): i32 {
  const place = load<u32>(find(start, start + bytes));
  return place == 0 ? -1 : load<i32>(ids + 4 * (place - 1));
}

/** Reads `["left right", …]` or `[["left", "right"], …]` at a place to (left, right, result); gives its end. */
export function scanMerges(start: usize, target: usize): usize {
  at = start;
  mergeCount = 0;
  if (!take(0x5b)) return 0;
  if (take(0x5d)) return at;
  let to = target;
  do {
    open = used;
    const middle = take(0x5b) ? readPair() : readDivided();
    if (middle == 0) return 0;
    const left = scannedId(used, middle - used);
    const right = scannedId(middle, open - middle);
    const both = scannedId(used, open - used);
    if (left < 0 || right < 0 || both < 0) return 0;
    store<i32>(to, left);
    store<i32>(to, right, 4);
    store<i32>(to, both, 8);
    to += 12;
    mergeCount++;
  } while (take(0x2c));
  return take(0x5d) ? at : 0;
}

/** Both halves one behind the other; gives where the second begins. */
function readPair(): usize {
  if (!readString()) return 0;
  const middle = open;
  return take(0x2c) && readString() && take(0x5d) ? middle : 0;
}

/** The halves of a string with one space, without it; gives where the second begins. */
function readDivided(): usize {
  if (!readString()) return 0;
  let middle = used;
  while (middle < open && load<u8>(middle) != 0x20) middle++;
  if (middle == open) return 0;
  for (let i = middle + 1; i < open; i++) {
    const byte = load<u8>(i);
    if (byte == 0x20) return 0;
    store<u8>(i - 1, byte);
  }
  open--;
  return middle;
}

/** Puts the characters of the string that begins here behind what is open. */
function readString(): bool {
  if (load<u8>(at) != 0x22) return false;
  let from = at + 1;
  let to = open;
  for (;;) {
    const byte = load<u8>(from++);
    if (byte == 0x22) break;
    if (byte < 0x20) return false;
    if (byte != 0x5c) {
      store<u8>(to++, byte);
      continue;
    }
    const code = escapeAt(from);
    if (code < 0) return false;
    from += load<u8>(from) == 0x75 ? 5 : 1;
    if (code < 0x80) {
      store<u8>(to++, code as u8);
    } else if (code < 0x800) {
      store<u8>(to, (0xc0 | (code >> 6)) as u8);
      store<u8>(to, (0x80 | (code & 63)) as u8, 1);
      to += 2;
    } else {
      store<u8>(to, (0xe0 | (code >> 12)) as u8);
      store<u8>(to, (0x80 | ((code >> 6) & 63)) as u8, 1);
      store<u8>(to, (0x80 | (code & 63)) as u8, 2);
      to += 3;
    }
  }
  at = from;
  open = to;
  return true;
}

/** Code of the escape whose letter stands here, or -1; also for halves of surrogate pairs. */
function escapeAt(letter: usize): i32 {
  switch (load<u8>(letter)) {
    case 0x22:
    case 0x5c:
    case 0x2f:
      return load<u8>(letter);
    case 0x62:
      return 8;
    case 0x66:
      return 12;
    case 0x6e:
      return 10;
    case 0x72:
      return 13;
    case 0x74:
      return 9;
    case 0x75: {
      let code = 0;
      for (let i = letter + 1; i < letter + 5; i++) {
        const byte: i32 = load<u8>(i);
        const lower = byte | 0x20;
        if (byte >= 0x30 && byte <= 0x39) code = (code << 4) | (byte - 0x30);
        else if (lower >= 0x61 && lower <= 0x66) code = (code << 4) | (lower - 0x57);
        else return -1;
      }
      return code >= 0xd800 && code < 0xe000 ? -1 : code;
    }
    default:
      return -1;
  }
}

/** `01` is no JSON; what has a point or an exponent fails at the comma that should follow. */
function readId(): i32 {
  const start = at;
  let id: u32 = 0;
  for (; at - start <= 7; at++) {
    const digit = (load<u8>(at) as u32) - 0x30;
    if (digit > 9) break;
    id = 10 * id + digit;
  }
  const length = at - start;
  if (length == 0 || (length > 1 && load<u8>(start) == 0x30) || id >= maxVocabularySize) return -1;
  return id as i32;
}

function skipSpace(): void {
  for (;;) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 10 && byte != 13 && byte != 9) return;
    at++;
  }
}

/** Passes over a character and the white space around it. */
function take(byte: u32): bool {
  skipSpace();
  if ((load<u8>(at) as u32) != byte) return false;
  at++;
  skipSpace();
  return true;
}

/** Slot of a content, or the empty one where it belongs. */
function find(start: usize, end: usize): usize {
  const bytes = end - start;
  let hash: u32 = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = (hash ^ load<u8>(i)) * 0x01000193;
  let index = (hash ^ (hash >>> 15)) & slotMask;
  while (true) {
    const slot = slots + 4 * index;
    const place = load<u32>(slot);
    if (place == 0) return slot;
    const before: usize = place == 1 ? 0 : load<u32>(ends + 4 * (place - 2));
    const isAsLong = (load<u32>(ends + 4 * (place - 1)) as usize) - before == bytes;
    if (isAsLong && memory.compare(start, pool + before, bytes) == 0) return slot;
    index = (index + 1) & slotMask;
  }
}
