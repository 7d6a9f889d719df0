/** For `doctor`: is there an Ollama here, and which models does it have? */
import type { Probe } from "../base/index.ts";
import { clocksSchema } from "../../schemas/config/teach.ts";
import { normalizeOllamaHost } from "./providers/ollama.ts";
import { createTransport, startClocks } from "./transport.ts";

/** Probes of the teachers that can be found without being told where. Waits at most two seconds. */
export function probeTeachers(env: Readonly<Record<string, string | undefined>>): readonly Probe[] {
  return [
    {
      name: "ollama",
      async look(signal) {
        const host = normalizeOllamaHost(env["OLLAMA_HOST"]);
        using transport = createTransport();
        using clocks = startClocks(clocksSchema.parse({ connectMs: 1000, firstTokenMs: 2000, totalMs: 2000 }), signal);
        try {
          const { Ollama } = await import("ollama");
          const client = new Ollama({ host, fetch: transport.fetchWith(clocks) });
          const { version } = await client.version();
          const { models } = await client.list();
          const names = models.map(({ name }) => name);
          if (names.length > 0)
            return { status: "ok", detail: `${version} at ${host}: ${names.slice(0, 5).join(", ")}` };
          return {
            status: "optional",
            detail: `${version} at ${host}, no models`,
            hint: "run `ollama pull llama3.2:1b`",
          };
        } catch {
          signal.throwIfAborted();
          return {
            status: "optional",
            detail: `nothing at ${host}`,
            hint: "only `forge teach --teacher ollama:MODEL` needs it",
          };
        }
      },
    },
  ];
}
