/**
 * GPT-2 forward and backward over the kernels, written out by hand. Runs in one thread on its part of the shared
 * memory; allocates nothing after `createGpt2`.
 *
 * Shapes: N rows = sequences × length; D width; all activations are [N, ·] row-major.
 */
import { layerNormEpsilon } from "../../model/gpt2.ts";
import type { TrainingKernels } from "./kernels.ts";
import { rowsOfLogits, type Layout } from "./layout.ts";

/** A stretch of the token area: `sequences` rows of `length` tokens, from element `start` on. */
export interface Piece {
  readonly start: number;
  readonly sequences: number;
  readonly length: number;
}

export interface Gpt2Engine {
  /** Adds the gradient of scale · Σ loss to a lane; returns Σ loss over the targets. */
  accumulate(piece: Piece, lane: number, scale: number): number;
  /** Returns Σ loss over the targets. */
  loss(piece: Piece): number;
  /**
   * Runs positions [first, length) of the sequence at the start of the token area and leaves the logits of the last
   * one; positions before `first` are taken from the call before.
   *
   * @returns address of `vocabularySize` floats
   */
  logits(first: number, length: number): number;
}

interface LayerWeights {
  readonly norm1: number;
  readonly norm1Bias: number;
  readonly qkv: number;
  readonly qkvBias: number;
  readonly projection: number;
  readonly projectionBias: number;
  readonly norm2: number;
  readonly norm2Bias: number;
  readonly expand: number;
  readonly expandBias: number;
  readonly contract: number;
  readonly contractBias: number;
}

export function createGpt2(
  kernels: TrainingKernels,
  memory: WebAssembly.Memory,
  layout: Layout,
  thread: number,
): Gpt2Engine {
  const { layers, width: D, heads, vocabularySize: V } = layout.model.sizes;
  const headWidth = D / heads;
  const own = layout.threads[thread] as Layout["threads"][number];
  const stride = layout.probabilityStride;
  const targetsOfBatch = new Int32Array(
    memory.buffer,
    layout.targets,
    layout.microBatches * layout.microBatchRows * layout.model.sizes.context,
  );
  kernels.setWorkspace(own.workspace);

  const weights = addressesAt(layout, layout.parameters);
  const gradients = layout.gradients.map((base) => addressesAt(layout, base));

  /** C[m, n] (+)= A[m, k] · B[k, n] with the strides of whole matrices. */
  const multiply = (a: number, b: number, c: number, m: number, n: number, k: number): void =>
    kernels.gemm(0, 0, m, n, k, a, k, b, n, c, n, 0);
  /** dA[m, k] = dC[m, n] · B[k, n]ᵀ */
  const multiplyByTransposed = (dc: number, b: number, da: number, m: number, k: number, n: number): void =>
    kernels.gemm(0, 1, m, k, n, dc, n, b, n, da, k, 0);
  /** dB[k, n] += A[m, k]ᵀ · dC[m, n] */
  const addTransposedProduct = (a: number, dc: number, db: number, k: number, n: number, m: number): void =>
    kernels.gemm(1, 0, k, n, m, a, k, dc, n, db, n, 1);

  /** Fills all activations of rows [first, length) of each sequence, up to the final norm. With first > 0: one sequence. */
  const forward = (tokens: number, sequences: number, first: number, length: number): void => {
    const rows = sequences * (length - first);
    const skip = (columns: number): number => first * columns * 4;
    kernels.embeddingForward(
      weights.tokenTable,
      weights.positionTable,
      tokens + first * 4,
      (own.layers[0] as { input: number }).input + skip(D),
      rows,
      length - first,
      first,
      D,
    );
    for (let l = 0; l < layers; l++) {
      const w = weights.layers[l] as LayerWeights;
      const s = own.layers[l] as Layout["threads"][number]["layers"][number];
      const next = own.layers[l + 1]?.input ?? own.final;
      kernels.layerNormForward(
        s.input + skip(D),
        w.norm1,
        w.norm1Bias,
        s.norm1 + skip(D),
        s.stats1 + skip(2),
        rows,
        D,
        layerNormEpsilon,
      );
      multiply(s.norm1 + skip(D), w.qkv, s.qkv + skip(3 * D), rows, 3 * D, D);
      kernels.addBias(s.qkv + skip(3 * D), w.qkvBias, rows, 3 * D);
      for (let b = 0; b < sequences; b++) {
        kernels.attentionForward(
          s.qkv + b * length * 3 * D * 4,
          s.attended + b * length * D * 4,
          s.probabilities + b * heads * stride * stride * 4,
          first,
          length,
          stride,
          heads,
          headWidth,
        );
      }
      multiply(s.attended + skip(D), w.projection, s.middle + skip(D), rows, D, D);
      kernels.addRows(s.middle + skip(D), w.projectionBias, s.input + skip(D), rows, D);
      kernels.layerNormForward(
        s.middle + skip(D),
        w.norm2,
        w.norm2Bias,
        s.norm2 + skip(D),
        s.stats2 + skip(2),
        rows,
        D,
        layerNormEpsilon,
      );
      multiply(s.norm2 + skip(D), w.expand, s.expanded + skip(4 * D), rows, 4 * D, D);
      kernels.addBias(s.expanded + skip(4 * D), w.expandBias, rows, 4 * D);
      kernels.geluForward(s.expanded + skip(4 * D), s.activated + skip(4 * D), rows * 4 * D);
      multiply(s.activated + skip(4 * D), w.contract, next + skip(D), rows, D, 4 * D);
      kernels.addRows(next + skip(D), w.contractBias, s.middle + skip(D), rows, D);
    }
    kernels.layerNormForward(
      own.final + skip(D),
      weights.finalNorm,
      weights.finalNormBias,
      own.finalNorm + skip(D),
      own.finalStats + skip(2),
      rows,
      D,
      layerNormEpsilon,
    );
  };

  const hasTarget = (from: number, count: number): boolean => {
    for (let i = from; i < from + count; i++) if ((targetsOfBatch[i] as number) >= 0) return true;
    return false;
  };

  /** Σ loss; with a lane also the gradient of the head and of the final hidden states (`dHidden`). */
  const head = (piece: Piece, lane: number, scale: number): number => {
    const rows = piece.sequences * piece.length;
    let sum = 0;
    for (let i = 0; i < rows; i += rowsOfLogits) {
      const count = Math.min(rowsOfLogits, rows - i);
      const hidden = own.finalNorm + i * D * 4;
      const dHidden = own.dHidden + i * D * 4;
      // Whole stretches without a target (prompts, padding) need no logits.
      if (!hasTarget(piece.start + i, count)) {
        if (lane >= 0) kernels.fillZero(dHidden, count * D);
        continue;
      }
      kernels.gemm(0, 1, count, V, D, hidden, D, weights.tokenTable, D, own.logits, layout.logitsStride, 0);
      const targets = layout.targets + (piece.start + i) * 4;
      sum += kernels.crossEntropy(own.logits, targets, count, V, layout.logitsStride, scale, lane >= 0 ? 1 : 0);
      if (lane < 0) continue;
      const g = gradients[lane] as Addresses;
      kernels.gemm(0, 0, count, D, V, own.logits, layout.logitsStride, weights.tokenTable, D, dHidden, D, 0);
      kernels.gemm(1, 0, V, D, count, own.logits, layout.logitsStride, hidden, D, g.tokenTable, D, 1);
    }
    return sum;
  };

  const backward = (tokens: number, sequences: number, length: number, lane: number): void => {
    const rows = sequences * length;
    const g = gradients[lane] as Addresses;
    const { dHidden, dResidual, dExpanded, dQkv } = own;
    kernels.fillZero(dResidual, rows * D);
    kernels.layerNormBackward(
      own.final,
      weights.finalNorm,
      own.finalStats,
      dHidden,
      dResidual,
      g.finalNorm,
      g.finalNormBias,
      rows,
      D,
    );
    for (let l = layers - 1; l >= 0; l--) {
      const w = weights.layers[l] as LayerWeights;
      const d = g.layers[l] as LayerWeights;
      const s = own.layers[l] as Layout["threads"][number]["layers"][number];
      kernels.addBiasGradient(dResidual, d.contractBias, rows, D);
      addTransposedProduct(s.activated, dResidual, d.contract, 4 * D, D, rows);
      multiplyByTransposed(dResidual, w.contract, dExpanded, rows, 4 * D, D);
      kernels.geluBackward(s.expanded, dExpanded, rows * 4 * D);
      kernels.addBiasGradient(dExpanded, d.expandBias, rows, 4 * D);
      addTransposedProduct(s.norm2, dExpanded, d.expand, D, 4 * D, rows);
      multiplyByTransposed(dExpanded, w.expand, dHidden, rows, D, 4 * D);
      kernels.layerNormBackward(s.middle, w.norm2, s.stats2, dHidden, dResidual, d.norm2, d.norm2Bias, rows, D);
      kernels.addBiasGradient(dResidual, d.projectionBias, rows, D);
      addTransposedProduct(s.attended, dResidual, d.projection, D, D, rows);
      multiplyByTransposed(dResidual, w.projection, dHidden, rows, D, D);
      for (let b = 0; b < sequences; b++) {
        kernels.attentionBackward(
          s.qkv + b * length * 3 * D * 4,
          s.probabilities + b * heads * stride * stride * 4,
          dHidden + b * length * D * 4,
          dQkv + b * length * 3 * D * 4,
          own.dScores,
          length,
          stride,
          heads,
          headWidth,
        );
      }
      kernels.addBiasGradient(dQkv, d.qkvBias, rows, 3 * D);
      addTransposedProduct(s.norm1, dQkv, d.qkv, D, 3 * D, rows);
      multiplyByTransposed(dQkv, w.qkv, dHidden, rows, D, 3 * D);
      kernels.layerNormBackward(s.input, w.norm1, s.stats1, dHidden, dResidual, d.norm1, d.norm1Bias, rows, D);
    }
    kernels.embeddingBackward(g.tokenTable, g.positionTable, tokens, dResidual, rows, length, D);
  };

  return {
    accumulate(piece, lane, scale) {
      const tokens = layout.tokens + piece.start * 4;
      forward(tokens, piece.sequences, 0, piece.length);
      const sum = head(piece, lane, scale);
      backward(tokens, piece.sequences, piece.length, lane);
      return sum;
    },
    loss(piece) {
      forward(layout.tokens + piece.start * 4, piece.sequences, 0, piece.length);
      return head(piece, -1, 0);
    },
    logits(first, length) {
      forward(layout.tokens, 1, first, length);
      const hidden = own.finalNorm + (length - 1) * D * 4;
      kernels.gemm(0, 1, 1, V, D, hidden, D, weights.tokenTable, D, own.logits, layout.logitsStride, 0);
      return own.logits;
    },
  };
}

interface Addresses {
  readonly tokenTable: number;
  readonly positionTable: number;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: number;
  readonly finalNormBias: number;
}

/** Addresses of all tensors in one copy of the flat parameter array (weights, or the gradients of a lane). */
function addressesAt(layout: Layout, base: number): Addresses {
  const at = (name: string): number => base + (layout.tensorOffsets.get(`transformer.${name}`) as number) * 4;
  return {
    tokenTable: at("wte.weight"),
    positionTable: at("wpe.weight"),
    finalNorm: at("ln_f.weight"),
    finalNormBias: at("ln_f.bias"),
    layers: Array.from({ length: layout.model.sizes.layers }, (_, l) => ({
      norm1: at(`h.${l}.ln_1.weight`),
      norm1Bias: at(`h.${l}.ln_1.bias`),
      qkv: at(`h.${l}.attn.c_attn.weight`),
      qkvBias: at(`h.${l}.attn.c_attn.bias`),
      projection: at(`h.${l}.attn.c_proj.weight`),
      projectionBias: at(`h.${l}.attn.c_proj.bias`),
      norm2: at(`h.${l}.ln_2.weight`),
      norm2Bias: at(`h.${l}.ln_2.bias`),
      expand: at(`h.${l}.mlp.c_fc.weight`),
      expandBias: at(`h.${l}.mlp.c_fc.bias`),
      contract: at(`h.${l}.mlp.c_proj.weight`),
      contractBias: at(`h.${l}.mlp.c_proj.bias`),
    })),
  };
}
