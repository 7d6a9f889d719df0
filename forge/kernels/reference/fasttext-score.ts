/**
 * From a text's vector to its best labels, for fastText's three losses (`loss.cc` of fastText 0.9.2).
 *
 * Logarithms are taken of p + 10⁻⁵, so probabilities carry the same small offset as fastText's own.
 */
import type { FastTextModel } from "../fasttext-model.ts";
import { toDense } from "./fasttext-matrix.ts";

export interface ScoredLabel {
  readonly label: number;
  readonly logProbability: number;
}

/** The best `k` labels of a vector, best first; of equals the one found first. */
export type Scorer = (hidden: Float32Array, k: number) => readonly ScoredLabel[];

/** A row of the output matrix times a text's vector, summed from the first number to the last. */
export type RowProduct = (row: number, hidden: Float32Array) => number;

/** @param dot a faster one, with the same sums. @default written plainly */
export function scorerOf(model: FastTextModel, dot: RowProduct = plainProduct(model)): Scorer {
  if (model.loss === "hierarchical-softmax") return makeTreeScorer(model, dot);
  const labels = model.labels.length;
  const scores = new Float32Array(labels);
  return (hidden, k) => {
    for (let label = 0; label < labels; label++) scores[label] = dot(label, hidden);
    if (model.loss === "softmax") softmax(scores);
    else scores.forEach((score, label) => (scores[label] = tableSigmoid(score)));
    const best: ScoredLabel[] = [];
    scores.forEach((probability, label) => offer(best, k, { label, logProbability: offsetLog(probability) }));
    return best;
  };
}

function plainProduct(model: FastTextModel): RowProduct {
  const output = toDense(model.output);
  return (row, hidden) => {
    let sum = 0;
    for (let i = 0; i < hidden.length; i++) {
      sum = Math.fround(sum + Math.fround((output[row * hidden.length + i] as number) * (hidden[i] as number)));
    }
    return sum;
  };
}

/** Less than this is never reported: fastText's threshold of 0, by its own logarithm. */
const leastLogProbability = offsetLog(0);

function offsetLog(probability: number): number {
  return Math.fround(Math.log(probability + 1e-5));
}

function offer(best: ScoredLabel[], k: number, candidate: ScoredLabel): void {
  if (candidate.logProbability < leastLogProbability) return;
  let at = best.length;
  while (at > 0 && (best[at - 1] as ScoredLabel).logProbability < candidate.logProbability) at--;
  if (at >= k) return;
  best.splice(at, 0, candidate);
  if (best.length > k) best.pop();
}

function softmax(scores: Float32Array): void {
  const highest = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    scores[i] = Math.exp(Math.fround((scores[i] as number) - highest));
    sum = Math.fround(sum + (scores[i] as number));
  }
  for (let i = 0; i < scores.length; i++) scores[i] = (scores[i] as number) / sum;
}

/** fastText looks the logistic function up in 512 steps over [-8, 8). */
function tableSigmoid(score: number): number {
  if (score < -8) return 0;
  if (score > 8) return 1;
  const step = Math.trunc(Math.fround(Math.fround(Math.fround(score + 8) * 512) / 8 / 2));
  return Math.fround(1 / (1 + Math.exp(-Math.fround((step * 2 * 8) / 512 - 8))));
}

/** A node of the Huffman tree; leaves are labels, the others rows of the output matrix. */
interface TreeNode {
  left: number;
  right: number;
  count: number;
}

/** Huffman tree over label counts, as `HierarchicalSoftmaxLoss::buildTree`: labels first, the root last. */
export function buildTree(counts: readonly number[]): readonly TreeNode[] {
  const tree = Array.from({ length: 2 * counts.length - 1 }, (_, i): TreeNode => ({
    left: -1,
    right: -1,
    count: counts[i] ?? 1e15,
  }));
  let leaf = counts.length - 1;
  let node = counts.length;
  const rarest = (): number =>
    leaf >= 0 && (tree[leaf] as TreeNode).count < (tree[node] as TreeNode).count ? leaf-- : node++;
  for (let i = counts.length; i < tree.length; i++) {
    const left = rarest();
    const right = rarest();
    tree[i] = { left, right, count: (tree[left] as TreeNode).count + (tree[right] as TreeNode).count };
  }
  return tree;
}

function makeTreeScorer(model: FastTextModel, dot: RowProduct): Scorer {
  const tree = buildTree(model.labelCounts);
  const labels = model.labels.length;
  const order = leavesInOrder(tree, labels);
  let best: TreeLabel[] = [];
  let wanted = 0;
  // Going down only lowers a score, so a branch that is behind the k best cannot win. The likelier branch goes first.
  const descend = (at: number, logProbability: number, hidden: Float32Array): void => {
    if (logProbability < leastLogProbability) return;
    if (best.length === wanted && logProbability < (best[wanted - 1] as TreeLabel).logProbability) return;
    if (at < labels) {
      offerInOrder(best, wanted, { label: at, logProbability, order: order[at] as number });
      return;
    }
    const { left, right } = tree[at] as TreeNode;
    const chance = Math.fround(1 / (1 + Math.exp(-dot(at - labels, hidden))));
    const onLeft = Math.fround(logProbability + offsetLog(1 - chance));
    const onRight = Math.fround(logProbability + offsetLog(chance));
    if (onLeft > onRight) {
      descend(left, onLeft, hidden);
      descend(right, onRight, hidden);
    } else {
      descend(right, onRight, hidden);
      descend(left, onLeft, hidden);
    }
  };
  return (hidden, k) => {
    best = [];
    wanted = k;
    descend(tree.length - 1, 0, hidden);
    return best;
  };
}

/** A label with its place among the leaves from left to right: fastText goes through them in this order. */
interface TreeLabel extends ScoredLabel {
  readonly order: number;
}

/** Of equals the one further left is before the other, in whichever order they are found. */
function offerInOrder(best: TreeLabel[], k: number, candidate: TreeLabel): void {
  const isBehind = (other: TreeLabel): boolean =>
    other.logProbability < candidate.logProbability ||
    (other.logProbability === candidate.logProbability && other.order > candidate.order);
  let at = best.length;
  while (at > 0 && isBehind(best[at - 1] as TreeLabel)) at--;
  if (at >= k) return;
  best.splice(at, 0, candidate);
  if (best.length > k) best.pop();
}

/** For each label how many leaves stand to the left of its own. */
function leavesInOrder(tree: readonly TreeNode[], labels: number): Int32Array {
  const order = new Int32Array(labels);
  let seen = 0;
  const ahead = [tree.length - 1];
  for (let at = ahead.pop(); at !== undefined; at = ahead.pop()) {
    if (at < labels) order[at] = seen++;
    else ahead.push((tree[at] as TreeNode).right, (tree[at] as TreeNode).left);
  }
  return order;
}
