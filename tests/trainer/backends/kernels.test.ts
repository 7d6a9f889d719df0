/** Every training kernel against a plain reference in f64, in both builds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { random } from "../../../forge/base/random.ts";
import { compileKernels, instantiateKernels } from "../../../trainer/backends/wasm/kernels.ts";

const memoryBytes = 2 ** 24;

async function open(build: "simd" | "relaxed-simd") {
  const memory = new WebAssembly.Memory({ initial: 256, maximum: 256, shared: true });
  const { module } = await compileKernels(build);
  const kernels = instantiateKernels(module, memory);
  kernels.setWorkspace(65536);
  let end = 65536 + 256 + (384 * 256 + 256 * 512) * 4;
  const floor = end;
  const place = (values: ArrayLike<number>, spare = 0): { address: number; view: Float32Array } => {
    const address = end;
    end += Math.ceil(((values.length + spare) * 4) / 64) * 64;
    if (end > memoryBytes) throw new Error("the test asks for too much memory");
    const view = new Float32Array(memory.buffer, address, values.length);
    view.set(values);
    return { address, view };
  };
  const placeInts = (values: ArrayLike<number>): number => {
    const { address } = place(new Float32Array(values.length));
    new Int32Array(memory.buffer, address, values.length).set(values);
    return address;
  };
  return { kernels, place, placeInts, reset: () => (end = floor) };
}

function normals(count: number, seed: number): Float32Array {
  const stream = random(seed, "test");
  return Float32Array.from({ length: count }, () => stream.normal());
}

/** Largest difference, relative to the largest value. */
function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 1e-30;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i] as number));
    worst = Math.max(worst, Math.abs((actual[i] as number) - (expected[i] as number)));
  }
  return worst / largest;
}

describe.each(["simd", "relaxed-simd"] as const)("kernels, build %s", (build) => {
  it("gemm equals the plain triple loop for any sizes, strides and transpositions", async () => {
    const { kernels, place, reset } = await open(build);
    const size = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 300 }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.nat(3),
        fc.nat(),
        (m, n, k, ta, tb, accumulate, pad, seed) => {
          reset();
          const lda = (ta ? m : k) + pad;
          const ldb = (tb ? k : n) + pad;
          const ldc = n + pad;
          const a = place(normals((ta ? k : m) * lda, seed), 8);
          const b = place(normals((tb ? n : k) * ldb, seed + 1), 8);
          const before = normals(m * ldc, seed + 2);
          const c = place(before);
          const expected = Float64Array.from(before);
          for (let i = 0; i < m; i++) {
            for (let j = 0; j < n; j++) {
              let sum = accumulate ? (before[i * ldc + j] as number) : 0;
              for (let q = 0; q < k; q++) {
                sum +=
                  (a.view[ta ? q * lda + i : i * lda + q] as number) *
                  (b.view[tb ? j * ldb + q : q * ldb + j] as number);
              }
              expected[i * ldc + j] = sum;
            }
          }
          kernels.gemm(+ta, +tb, m, n, k, a.address, lda, b.address, ldb, c.address, ldc, +accumulate);
          // Comparing the whole of C also shows that the gap between rows was left alone.
          expect(difference(c.view, expected)).toBeLessThan(5e-6);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("gemm gives a row the same bits alone as within a batch", async () => {
    const { kernels, place } = await open(build);
    const [m, n, k] = [37, 50, 300];
    const a = place(normals(m * k, 1));
    const b = place(normals(k * n, 2));
    const all = place(new Float32Array(m * n));
    const one = place(new Float32Array(n));
    kernels.gemm(0, 0, m, n, k, a.address, k, b.address, n, all.address, n, 0);
    for (const row of [0, 5, 36]) {
      kernels.gemm(0, 0, 1, n, k, a.address + row * k * 4, k, b.address, n, one.address, n, 0);
      expect(Array.from(one.view)).toEqual(Array.from(all.view.subarray(row * n, (row + 1) * n)));
    }
  });

  it("layer norm equals its definition, forward and backward", async () => {
    const { kernels, place } = await open(build);
    const [rows, width] = [5, 24];
    const x = place(normals(rows * width, 1));
    const w = place(normals(width, 2));
    const b = place(normals(width, 3));
    const y = place(new Float32Array(rows * width));
    const stats = place(new Float32Array(rows * 2));
    const dy = place(normals(rows * width, 4));
    const dx = place(new Float32Array(rows * width));
    const dw = place(new Float32Array(width));
    const db = place(new Float32Array(width));
    kernels.layerNormForward(x.address, w.address, b.address, y.address, stats.address, rows, width, 1e-5);
    kernels.layerNormBackward(
      x.address,
      w.address,
      stats.address,
      dy.address,
      dx.address,
      dw.address,
      db.address,
      rows,
      width,
    );
    const forward = (input: ArrayLike<number>): number[] => {
      const out: number[] = [];
      for (let r = 0; r < rows; r++) {
        const row = Array.from({ length: width }, (_, d) => input[r * width + d] as number);
        const mean = row.reduce((s, v) => s + v, 0) / width;
        const variance = row.reduce((s, v) => s + (v - mean) ** 2, 0) / width;
        for (let d = 0; d < width; d++) {
          out.push(
            (((row[d] as number) - mean) / Math.sqrt(variance + 1e-5)) * (w.view[d] as number) + (b.view[d] as number),
          );
        }
      }
      return out;
    };
    expect(difference(y.view, forward(x.view))).toBeLessThan(2e-6);
    const numeric = Array.from({ length: rows * width }, (_, i) => {
      const up = Float64Array.from(x.view);
      const down = Float64Array.from(x.view);
      up[i] = (up[i] as number) + 1e-5;
      down[i] = (down[i] as number) - 1e-5;
      const [a, c] = [forward(up), forward(down)];
      return a.reduce((s, v, j) => s + ((v - (c[j] as number)) / 2e-5) * (dy.view[j] as number), 0);
    });
    expect(difference(dx.view, numeric)).toBeLessThan(1e-5);
    const columnSums = Array.from({ length: width }, (_, d) =>
      Array.from({ length: rows }, (_, r) => dy.view[r * width + d] as number).reduce((s, v) => s + v, 0),
    );
    expect(difference(db.view, columnSums)).toBeLessThan(1e-6);
  });

  it("GELU equals its tanh form and its derivative, from -12 to 12", async () => {
    const { kernels, place } = await open(build);
    const values = Float32Array.from({ length: 2400 }, (_, i) => (i - 1200) / 100);
    const x = place(values);
    const y = place(new Float32Array(values.length));
    const dy = place(new Float32Array(values.length).fill(1));
    kernels.geluForward(x.address, y.address, values.length);
    kernels.geluBackward(x.address, dy.address, values.length);
    const c = Math.sqrt(2 / Math.PI);
    const gelu = (v: number): number => 0.5 * v * (1 + Math.tanh(c * (v + 0.044715 * v ** 3)));
    for (const [i, v] of values.entries()) {
      expect(Math.abs((y.view[i] as number) - gelu(v))).toBeLessThan(2e-6 * Math.max(1, Math.abs(v)));
      expect(Math.abs((dy.view[i] as number) - (gelu(v + 1e-5) - gelu(v - 1e-5)) / 2e-5)).toBeLessThan(2e-5);
    }
  });

  it("attention equals softmax(QKᵀ/√d)V under the causal mask, beyond one block of rows too", async () => {
    const { kernels, place } = await open(build);
    const [length, heads, headWidth] = [101, 2, 12];
    const width = heads * headWidth;
    const stride = 104;
    const qkv = place(normals(length * 3 * width, 7));
    const out = place(new Float32Array(length * width));
    const p = place(normals(heads * stride * stride, 8));
    kernels.attentionForward(qkv.address, out.address, p.address, 0, length, stride, heads, headWidth);
    const at = (row: number, part: number, h: number, d: number): number =>
      qkv.view[row * 3 * width + part * width + h * headWidth + d] as number;
    const expected = new Float64Array(length * width);
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < length; i++) {
        const scores = Array.from({ length: i + 1 }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < headWidth; d++) dot += at(i, 0, h, d) * at(j, 1, h, d);
          return Math.exp(dot / Math.sqrt(headWidth));
        });
        const total = scores.reduce((s, v) => s + v, 0);
        for (let d = 0; d < headWidth; d++) {
          expected[i * width + h * headWidth + d] = scores.reduce((s, v, j) => s + (v / total) * at(j, 2, h, d), 0);
        }
      }
    }
    expect(difference(out.view, expected)).toBeLessThan(5e-6);
  });

  it("cross-entropy equals its definition, leaves masked rows out and gives gradients that sum to zero", async () => {
    const { kernels, place, placeInts } = await open(build);
    const [rows, vocabulary, stride] = [6, 27, 32];
    const given = normals(rows * stride, 3).map((v) => v * 8);
    const logits = place(given);
    const targets = [3, -1, 26, 0, -1, 9];
    const address = placeInts(targets);
    const sum = kernels.crossEntropy(logits.address, address, rows, vocabulary, stride, 0.25, 1);
    let expected = 0;
    for (const [r, target] of targets.entries()) {
      const row = Array.from(given.subarray(r * stride, r * stride + vocabulary));
      const exps = row.map((v) => Math.exp(v));
      const total = exps.reduce((s, v) => s + v, 0);
      if (target >= 0) expected += Math.log(total) - (row[target] as number);
      const gradient = row.map((_, j) =>
        target < 0 ? 0 : 0.25 * ((exps[j] as number) / total - (j === target ? 1 : 0)),
      );
      expect(difference(logits.view.subarray(r * stride, r * stride + vocabulary), gradient)).toBeLessThan(
        target < 0 ? 1e-30 : 2e-6,
      );
    }
    expect(Math.abs(sum - expected) / expected).toBeLessThan(1e-6);
  });

  it("AdamW follows its formula over several steps", async () => {
    const { kernels, place } = await open(build);
    const count = 32;
    const p = place(normals(count, 1));
    const m = place(new Float32Array(count));
    const v = place(new Float32Array(count));
    const [lr, b1, b2, eps, wd, scale] = [0.01, 0.9, 0.95, 1e-8, 0.1, 0.5];
    const [P, M, V] = [Float64Array.from(p.view), new Float64Array(count), new Float64Array(count)];
    for (let t = 1; t <= 5; t++) {
      const g = place(normals(count, 10 + t));
      kernels.adamw(
        p.address,
        g.address,
        m.address,
        v.address,
        count,
        scale,
        lr,
        b1,
        b2,
        eps,
        wd,
        1 - b1 ** t,
        Math.sqrt(1 - b2 ** t),
      );
      for (let i = 0; i < count; i++) {
        const gradient = (g.view[i] as number) * scale;
        M[i] = b1 * (M[i] as number) + (1 - b1) * gradient;
        V[i] = b2 * (V[i] as number) + (1 - b2) * gradient ** 2;
        const change = (M[i] as number) / (1 - b1 ** t) / (Math.sqrt((V[i] as number) / (1 - b2 ** t)) + eps);
        P[i] = (P[i] as number) * (1 - lr * wd) - lr * change;
      }
    }
    expect(difference(p.view, P)).toBeLessThan(1e-6);
  });
});
