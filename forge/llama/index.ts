/**
 * The only door to llama.cpp (node-llama-cpp, an optional peer): load a GGUF file, tokenise, generate.
 *
 * Always sets its thread count and prints nothing. It does not write GGUF; that is `trainer/export`.
 */
export { encodeChat, knowsChatFormat } from "./chat.ts";
export { llamaProbe, openLlama, type LlamaLibrary } from "./load.ts";
export { loadLlama, type GenerateOptions, type Generation, type LlamaModel, type LoadLlamaOptions } from "./model.ts";
