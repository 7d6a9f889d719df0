/** Token and position embeddings. Ids are i32 and were checked against the vocabulary by the caller. */

/** out[i] = tokenTable[tokens[i]] + positionTable[first + i % length]. */
export function embeddingForward(
  tokenTable: usize, positionTable: usize, tokens: usize, out: usize,
  rows: i32, length: i32, first: i32, width: i32,
): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    const token = tokenTable + <usize>load<i32>(tokens + ((<usize>i) << 2)) * bytes;
    const position = positionTable + <usize>(first + (i % length)) * bytes;
    for (let d: usize = 0; d < bytes; d += 16) {
      v128.store(out + d, f32x4.add(v128.load(token + d), v128.load(position + d)));
    }
    out += bytes;
  }
}

/** Adds the rows of dOut to the gradients of both tables, in order of position. */
export function embeddingBackward(
  dTokenTable: usize, dPositionTable: usize, tokens: usize, dOut: usize,
  rows: i32, length: i32, width: i32,
): void {
  const bytes = (<usize>width) << 2;
  for (let i = 0; i < rows; i++) {
    const token = dTokenTable + <usize>load<i32>(tokens + ((<usize>i) << 2)) * bytes;
    const position = dPositionTable + <usize>(i % length) * bytes;
    for (let d: usize = 0; d < bytes; d += 16) {
      const g = v128.load(dOut + d);
      v128.store(token + d, f32x4.add(v128.load(token + d), g));
      v128.store(position + d, f32x4.add(v128.load(position + d), g));
    }
    dOut += bytes;
  }
}
