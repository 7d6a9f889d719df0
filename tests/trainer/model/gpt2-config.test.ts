import { describe, expect, it } from "vitest";
import { gpt2ConfigSchema } from "../../../trainer/model/gpt2.ts";

// The keys of openai-community/gpt2-medium's config.json that decide what is computed.
const medium = {
  model_type: "gpt2",
  vocab_size: 50257,
  n_positions: 1024,
  n_embd: 1024,
  n_layer: 24,
  n_head: 16,
  activation_function: "gelu_new",
  layer_norm_epsilon: 1e-5,
};

describe("a GPT-2 config.json", () => {
  it("is read as the hub has it", () => {
    expect(gpt2ConfigSchema.safeParse(medium).success).toBe(true);
  });

  it.each([
    { tie_word_embeddings: false },
    { scale_attn_weights: false },
    { scale_attn_by_inverse_layer_idx: true },
    { activation_function: "relu" },
    { n_inner: 1000 },
  ])("is refused when it asks for what is not computed: %j", (variant) => {
    expect(gpt2ConfigSchema.safeParse({ ...medium, ...variant }).success).toBe(false);
  });
});
