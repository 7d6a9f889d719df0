/** Checkpoints in Hugging Face layout, exact to resume from. */
export * from "./checkpoint.ts";
export * from "./safetensors.ts";
