/** Talking to a model: a GGUF file through llama.cpp or a checkpoint in process. Prints nothing; see `cli/chat.ts`. */
export { encodeConversation, openInProcess, type InProcessModel } from "./in-process.ts";
export { createTextStream, openTalker, type Answer, type AnswerOptions, type Talker } from "./talker.ts";
