/** What every model family states about itself. Bloom and MPT will add members to the union, nothing else changes. */
import type { Gpt2Sizes } from "./gpt2.ts";

export interface TensorSpec {
  /** Name in `model.safetensors`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly start:
    | { readonly kind: "normal"; readonly deviation: number }
    | { readonly kind: "ones" }
    | { readonly kind: "zeros" };
}

export interface ModelSpec {
  readonly type: "gpt2";
  readonly sizes: Gpt2Sizes;
  /** In the order in which backends keep them. */
  readonly tensors: readonly TensorSpec[];
}

/** Weight decay pulls on matrices only: shrinking norms and biases does harm. */
export function isDecayed(tensor: TensorSpec): boolean {
  return tensor.shape.length > 1;
}
