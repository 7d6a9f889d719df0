/**
 * Matrix product C = op(A) · op(B), or C += op(A) · op(B), for any sizes and row strides.
 *
 * The classic three levels (Goto and van de Geijn 2008): a panel of B (256 deep) is packed once, blocks of A (384 rows)
 * are packed so that they stay in the second-level cache, and a 6 × 8 tile of C is summed in registers: 12 vectors of
 * sums, 2 of B, 1 of A, which is what 16 vector registers hold.
 *
 * Each element of C is summed in the order of k, panel by panel, whatever M, N and the position in C: so a row computed
 * alone equals the same row computed in a batch, bit by bit. Generation with a cache of keys relies on this.
 */
import { multiplyAdd } from "./vector";

/** Depth of a panel. */
const depthOfPanel: i32 = 256;
/** Rows of a block of A; a multiple of 6. */
const rowsOfBlock: i32 = 384;

let tile: usize = 0;
let packedA: usize = 0;
let packedB: usize = 0;

/**
 * Gives this instance its scratch memory: 256 bytes for a tile, 384 · 256 floats for A,
 * 256 · (the widest N, rounded up to 8) floats for B.
 */
export function setWorkspace(address: usize): void {
  tile = address;
  packedA = address + 256;
  packedB = packedA + ((<usize>(rowsOfBlock * depthOfPanel)) << 2);
}

/**
 * op(A) is M × K, op(B) is K × N, C is M × N.
 *
 * @param lda elements between the rows of A as it lies in memory (K columns, or M when transposed); ldb, ldc likewise
 * @param accumulate add to C instead of overwriting it
 */
export function gemm(
  transposeA: bool, transposeB: bool,
  M: i32, N: i32, K: i32,
  a: usize, lda: i32,
  b: usize, ldb: i32,
  c: usize, ldc: i32,
  accumulate: bool,
): void {
  for (let k = 0; k < K; k += depthOfPanel) {
    const depth = min(depthOfPanel, K - k);
    const overwrite = k == 0 && !accumulate;
    packB(transposeB, b, ldb, k, depth, N);
    for (let i = 0; i < M; i += rowsOfBlock) {
      const rows = min(rowsOfBlock, M - i);
      packA(transposeA, a, lda, i, rows, k, depth);
      multiplyBlock(rows, N, depth, c + ((<usize>(i * ldc)) << 2), ldc, overwrite);
    }
  }
}

/** Multiplies the packed block of A by the packed panel of B. */
function multiplyBlock(rows: i32, N: i32, depth: i32, c: usize, ldc: i32, overwrite: bool): void {
  const bytesOfA = (<usize>(depth * 6)) << 2;
  const bytesOfB = (<usize>(depth * 8)) << 2;
  const stride = (<usize>ldc) << 2;
  let b = packedB;
  for (let j = 0; j < N; j += 8) {
    let a = packedA;
    for (let i = 0; i < rows; i += 6) {
      const height = min(6, rows - i);
      const width = min(8, N - j);
      const target = c + ((<usize>(i * ldc + j)) << 2);
      if (height == 6 && width == 8) {
        multiplyTile(depth, a, b, target, stride, overwrite);
      } else {
        multiplyTile(depth, a, b, tile, 32, true);
        storeEdge(target, stride, height, width, overwrite);
      }
      a += bytesOfA;
    }
    b += bytesOfB;
  }
}

/** Sums one 6 × 8 tile of C over the depth of the panel. `a` holds 6 values for each k, `b` 8. */
@inline
function multiplyTile(depth: i32, a: usize, b: usize, c: usize, stride: usize, overwrite: bool): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero;
  let c30 = zero, c31 = zero, c40 = zero, c41 = zero, c50 = zero, c51 = zero;
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = multiplyAdd(x, b0, c00);
    c01 = multiplyAdd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = multiplyAdd(x, b0, c10);
    c11 = multiplyAdd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = multiplyAdd(x, b0, c20);
    c21 = multiplyAdd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = multiplyAdd(x, b0, c30);
    c31 = multiplyAdd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = multiplyAdd(x, b0, c40);
    c41 = multiplyAdd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = multiplyAdd(x, b0, c50);
    c51 = multiplyAdd(x, b1, c51);
    a += 24;
    b += 32;
  }
  storeRow(c, c00, c01, overwrite);
  storeRow(c + stride, c10, c11, overwrite);
  storeRow(c + 2 * stride, c20, c21, overwrite);
  storeRow(c + 3 * stride, c30, c31, overwrite);
  storeRow(c + 4 * stride, c40, c41, overwrite);
  storeRow(c + 5 * stride, c50, c51, overwrite);
}

@inline
function storeRow(c: usize, left: v128, right: v128, overwrite: bool): void {
  if (overwrite) {
    v128.store(c, left);
    v128.store(c, right, 16);
  } else {
    v128.store(c, f32x4.add(v128.load(c), left));
    v128.store(c, f32x4.add(v128.load(c, 16), right), 16);
  }
}

/** Copies the part of the tile that lies inside C. */
function storeEdge(c: usize, stride: usize, height: i32, width: i32, overwrite: bool): void {
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const target = c + <usize>i * stride + ((<usize>j) << 2);
      const sum = f32.load(tile + ((<usize>(i * 8 + j)) << 2));
      f32.store(target, overwrite ? sum : f32.load(target) + sum);
    }
  }
}

/** Packs op(B)[k0 .. k0+depth, 0 .. N) as strips of 8 columns: for each k its 8 values; the last strip is padded with 0. */
function packB(transpose: bool, b: usize, ldb: i32, k0: i32, depth: i32, N: i32): void {
  const stride = (<usize>ldb) << 2;
  let out = packedB;
  for (let j = 0; j < N; j += 8) {
    const width = min(8, N - j);
    if (width == 8 && !transpose) {
      let from = b + ((<usize>(k0 * ldb + j)) << 2);
      for (let k = 0; k < depth; k++) {
        v128.store(out, v128.load(from));
        v128.store(out, v128.load(from, 16), 16);
        out += 32;
        from += stride;
      }
    } else if (width == 8 && (depth & 3) == 0) {
      let from = b + ((<usize>(j * ldb + k0)) << 2);
      for (let k = 0; k < depth; k += 4) {
        transpose4x4(from, stride, out);
        transpose4x4(from + 4 * stride, stride, out + 16);
        out += 128;
        from += 16;
      }
    } else {
      for (let k = k0; k < k0 + depth; k++) {
        for (let q = 0; q < 8; q++) {
          const index = transpose ? (j + q) * ldb + k : k * ldb + j + q;
          f32.store(out + ((<usize>q) << 2), q < width ? f32.load(b + ((<usize>index) << 2)) : 0);
        }
        out += 32;
      }
    }
  }
}

/** Reads four rows of four values and writes their transpose as rows 32 bytes apart. */
@inline
function transpose4x4(from: usize, stride: usize, out: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + stride);
  const r2 = v128.load(from + 2 * stride);
  const r3 = v128.load(from + 3 * stride);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<f32>(low01, low23, 0, 1, 4, 5));
  v128.store(out, v128.shuffle<f32>(low01, low23, 2, 3, 6, 7), 32);
  v128.store(out, v128.shuffle<f32>(high01, high23, 0, 1, 4, 5), 64);
  v128.store(out, v128.shuffle<f32>(high01, high23, 2, 3, 6, 7), 96);
}

/** Packs op(A)[i0 .. i0+rows, k0 .. k0+depth) as strips of 6 rows: for each k its 6 values; the last is padded with 0. */
function packA(transpose: bool, a: usize, lda: i32, i0: i32, rows: i32, k0: i32, depth: i32): void {
  const stride = (<usize>lda) << 2;
  let out = packedA;
  for (let i = i0; i < i0 + rows; i += 6) {
    const height = min(6, i0 + rows - i);
    if (height == 6 && !transpose) {
      let from = a + ((<usize>(i * lda + k0)) << 2);
      for (let k = 0; k < depth; k++) {
        f32.store(out, f32.load(from));
        f32.store(out, f32.load(from + stride), 4);
        f32.store(out, f32.load(from + 2 * stride), 8);
        f32.store(out, f32.load(from + 3 * stride), 12);
        f32.store(out, f32.load(from + 4 * stride), 16);
        f32.store(out, f32.load(from + 5 * stride), 20);
        out += 24;
        from += 4;
      }
    } else if (height == 6) {
      let from = a + ((<usize>(k0 * lda + i)) << 2);
      for (let k = 0; k < depth; k++) {
        v128.store(out, v128.load(from));
        f32.store(out, f32.load(from, 16), 16);
        f32.store(out, f32.load(from, 20), 20);
        out += 24;
        from += stride;
      }
    } else {
      for (let k = k0; k < k0 + depth; k++) {
        for (let q = 0; q < 6; q++) {
          const index = transpose ? k * lda + i + q : (i + q) * lda + k;
          f32.store(out + ((<usize>q) << 2), q < height ? f32.load(a + ((<usize>index) << 2)) : 0);
        }
        out += 24;
      }
    }
  }
}
