/** `trainer doctor`: which training backends and model runtimes this machine has. */
import { llamaProbe } from "../../forge/llama/index.ts";
import type { CommandSpec } from "../../forge/console/command.ts";
import { formatBytes, formatTable } from "../../forge/console/format.ts";
import { diskProbe, kernelsProbe, nodeProbe, runProbes } from "../../forge/base/probe.ts";

export const spec: CommandSpec = {
  name: "doctor",
  summary: "Tell which training backends this machine has",
  examples: ["trainer doctor", "trainer doctor --json"],
  options: [],
  async run({ cwd, signal }) {
    const results = await runProbes([nodeProbe(), diskProbe(cwd, formatBytes), kernelsProbe(), llamaProbe()], signal);
    return {
      json: { probes: results },
      text: formatTable(
        results.map(({ name, status, detail, hint }) => [
          name,
          status,
          hint === undefined ? detail : `${detail}: ${hint}`,
        ]),
      ),
      exitCode: results.some(({ status }) => status === "missing") ? 4 : 0,
    };
  },
};
