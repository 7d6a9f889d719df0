/** Text to token ids and back: byte-level BPE tokenizers in Hugging Face's format, read or trained. */
export { loadTokenizer, type Tokenizer } from "./tokenizer.ts";
export { trainTokenizer, type TrainedTokenizer } from "./train.ts";
