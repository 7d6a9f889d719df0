/** `trainer run`: the whole of a training's config. Every default, bound and description is here and nowhere else. */
import { z } from "zod";

const positive = z.number().positive();

export const trainConfigSchema = z
  .strictObject({
    out: z.string().describe("Folder of the run: checkpoints, events.ndjson."),
    seed: z
      .int()
      .min(0)
      .max(0xffff_ffff)
      .default(1)
      .describe("Seed of the initial weights, the order of samples and splits."),
    from: z
      .string()
      .optional()
      .describe("Checkpoint (or run folder) to start from; without it the model starts from random weights."),
    model: z
      .strictObject({
        type: z.literal("gpt2").default("gpt2").describe("Architecture."),
        layers: z.int().min(1).max(96).default(4).describe("Transformer blocks."),
        width: z
          .int()
          .min(8)
          .max(8192)
          .multipleOf(4)
          .default(192)
          .describe("Width of the residual stream; a multiple of `heads`."),
        heads: z.int().min(1).max(128).default(6).describe("Attention heads."),
        context: z.int().min(16).max(8192).default(256).describe("Most tokens the model sees at once."),
      })
      .refine((model) => model.width % model.heads === 0, {
        message: "width must be a multiple of heads",
        path: ["width"],
      })
      .optional()
      .describe("Sizes of a model that starts from random weights; the vocabulary is the tokenizer's."),
    data: z
      .discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("tokens").describe("Token shards: next-token prediction over windows of the stream."),
          path: z.string().describe("Output folder of `forge build-corpus`."),
        }),
        z.strictObject({
          kind: z.literal("answers").describe("A teacher's accepted answers: loss on the assistant's tokens only."),
          path: z.string().describe("Output folder of `forge teach`."),
          validationFraction: z.number().min(0).max(0.5).default(0.1).describe("Part of the answers held out."),
        }),
      ])
      .describe("What to train on."),
    length: z
      .strictObject({
        steps: z.int().min(1).optional().describe("Optimizer steps."),
        tokens: z.int().min(1).optional().describe("Tokens seen, rounded up to whole steps."),
        epochs: positive.optional().describe("Passes over the data, rounded up to whole steps."),
      })
      .refine((length) => Object.values(length).filter((value) => value !== undefined).length === 1, {
        message: "give exactly one of steps, tokens and epochs",
      })
      .describe("How long to train."),
    batch: z
      .strictObject({
        rows: z.int().min(1).max(65536).default(16).describe("Sequences of one optimizer step."),
        microBatchRows: z
          .int()
          .min(1)
          .max(1024)
          .default(2)
          .describe("Sequences that one thread works on at a time. Changes the order of sums, hence the last bits."),
        lanes: z
          .int()
          .min(1)
          .max(64)
          .default(4)
          .describe("Gradient sums kept side by side: most threads that can work. Changes the order of sums."),
      })
      .prefault({})
      .describe("Batch size and how it is cut up."),
    optimizer: z
      .strictObject({
        learningRate: positive.default(1e-3).describe("Peak learning rate."),
        beta1: z.number().min(0).max(0.9999).default(0.9).describe("Decay of the first moment."),
        beta2: z.number().min(0).max(0.99999).default(0.95).describe("Decay of the second moment."),
        epsilon: positive.default(1e-8).describe("Added to the root of the second moment."),
        weightDecay: z.number().min(0).max(1).default(0.1).describe("Decoupled weight decay, on matrices only."),
        clipNorm: positive.nullable().default(1).describe("Largest global gradient norm; null leaves gradients alone."),
      })
      .prefault({})
      .describe("AdamW."),
    schedule: z
      .strictObject({
        kind: z.enum(["cosine", "linear", "wsd", "constant"]).default("cosine").describe("Shape of the learning rate."),
        warmupFraction: z.number().min(0).max(0.5).default(0.03).describe("Part of the run over which the rate rises."),
        finalFraction: z.number().min(0).max(1).default(0.1).describe("Last learning rate as a part of the peak."),
        decayFraction: z.number().min(0.01).max(1).default(0.2).describe("Schedule wsd: part of the run that decays."),
      })
      .prefault({})
      .describe("Learning-rate schedule."),
    evaluate: z
      .strictObject({
        everySteps: z
          .int()
          .min(1)
          .default(100)
          .describe("Steps between measurements of the validation loss; also at the end."),
        samples: z.int().min(1).default(64).describe("Validation samples measured, spread over all of them."),
      })
      .prefault({})
      .describe("Validation."),
    checkpoint: z
      .strictObject({
        everySteps: z.int().min(1).default(100).describe("Steps between checkpoints; also at the end and on Ctrl-C."),
        keep: z.int().min(1).default(2).describe("Newest checkpoints kept."),
      })
      .prefault({})
      .describe("Checkpoints."),
    backend: z
      .strictObject({
        name: z.enum(["wasm"]).default("wasm").describe("Training backend."),
        threads: z
          .int()
          .min(1)
          .max(64)
          .nullable()
          .default(null)
          .describe("Worker threads; null takes all cores, at most `batch.lanes`. Never changes the result."),
        kernels: z
          .enum(["auto", "simd", "relaxed-simd"])
          .default("auto")
          .describe(
            "Build of the kernels; auto takes fused multiply-add where Node has it. The two differ in the last bits.",
          ),
      })
      .prefault({})
      .describe("Where the computing happens."),
  })
  .refine((config) => config.from === undefined || config.model === undefined, {
    message: "model sizes come from the checkpoint named by `from`; leave `model` out",
    path: ["model"],
  });
export type TrainConfig = z.infer<typeof trainConfigSchema>;
