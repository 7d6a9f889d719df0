/** Which teacher a specification names. Providers are loaded only when they are asked for. */
import { join } from "node:path";
import { UsageError } from "../../base/index.ts";
import type { TeachConfig } from "../../../schemas/config/teach.ts";
import type { Teacher } from "./types.ts";

/** A teacher specification, taken apart. */
export type TeacherSpec =
  | { readonly kind: "replay" }
  | { readonly kind: "ollama"; readonly model: string }
  | { readonly kind: "openai"; readonly model: string; readonly url: string };

/**
 * @example parseTeacherSpec("openai:qwen3@http://localhost:8000/v1")
 * @throws UsageError
 */
export function parseTeacherSpec(text: string): TeacherSpec {
  if (text === "replay") return { kind: "replay" };
  const ollama = /^ollama:(.+)$/.exec(text);
  if (ollama?.[1] !== undefined) return { kind: "ollama", model: ollama[1] };
  const openai = /^openai:(.+?)@(https?:\/\/.+)$/.exec(text);
  if (openai?.[1] !== undefined && openai[2] !== undefined) return { kind: "openai", model: openai[1], url: openai[2] };
  throw new UsageError("teacher-unknown", `"${text}" names no teacher`, {
    hint: "Use replay, ollama:MODEL (ollama:llama3.2:1b) or openai:MODEL@URL (openai:qwen3@http://localhost:8000/v1).",
  });
}

/** @param folder folder of the prompts file, for recordings */
export async function openTeacher(
  config: TeachConfig,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Teacher> {
  const spec = parseTeacherSpec(config.teacher);
  switch (spec.kind) {
    case "replay": {
      if (config.recorded.length === 0) {
        throw new UsageError(
          "nothing-recorded",
          "The teacher `replay` needs recorded answers: the prompts file names none",
          {
            hint: "Name a model instead, for example --teacher ollama:llama3.2:1b.",
          },
        );
      }
      const { createReplayTeacher } = await import("./replay.ts");
      return createReplayTeacher(config.recorded.map((name) => join(folder, name)));
    }
    case "ollama": {
      const { createOllamaTeacher } = await import("./ollama.ts");
      return createOllamaTeacher({
        model: spec.model,
        host: env["OLLAMA_HOST"],
        sampling: config.sampling,
        clocks: config.clocks,
      });
    }
    case "openai": {
      const { createOpenAiTeacher } = await import("./openai.ts");
      return createOpenAiTeacher({
        ...spec,
        apiKey: env["OPENAI_API_KEY"],
        sampling: config.sampling,
        clocks: config.clocks,
      });
    }
    default:
      return spec satisfies never;
  }
}
