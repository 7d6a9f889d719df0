/**
 * The Ollama Modelfile beside a GGUF: without a TEMPLATE of its own Ollama feeds an unknown model the bare prompt, and
 * it babbles. Syntax: https://docs.ollama.com/modelfile (Go text/template).
 */
import { specialTokens } from "../../schemas/record/chat.ts";

export interface ModelfileOptions {
  /** File name of the GGUF, relative to the Modelfile. */
  readonly model: string;
  readonly contextLength: number;
  /** True when the vocabulary has the marks of forge's chat format; else the prompt is passed as it is. */
  readonly chat: boolean;
}

/** The text of a Modelfile; `ollama create NAME -f Modelfile` takes it. */
export function formatModelfile({ model, contextLength, chat }: ModelfileOptions): string {
  // The same rendering as chatTemplate: an empty system message is left out.
  const turns =
    `{{- range .Messages }}{{- if not (and (eq .Role "system") (eq .Content "")) }}` +
    `<|{{ .Role }}|>{{ .Content }}${specialTokens.end}{{- end }}{{- end }}${specialTokens.assistant}`;
  const stops = chat ? [specialTokens.end, specialTokens.endOfText] : [specialTokens.endOfText];
  return [
    `FROM ./${model}`,
    `TEMPLATE """${chat ? turns : "{{ .Prompt }}"}"""`,
    ...stops.map((stop) => `PARAMETER stop "${stop}"`),
    `PARAMETER num_ctx ${contextLength}`,
    "",
  ].join("\n");
}
