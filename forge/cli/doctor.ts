/** `forge doctor`: what this machine has, what is missing, and what to do about it. */
import { probeTeachers } from "../teach/index.ts";
import { probeRemote } from "../read/index.ts";
import { llamaProbe } from "../llama/index.ts";
import type { CommandSpec } from "../console/command.ts";
import { formatBytes, formatTable } from "../console/format.ts";
import { diskProbe, kernelsProbe, nodeProbe, runProbes } from "../base/probe.ts";

export const spec: CommandSpec = {
  name: "doctor",
  summary: "Tell what this machine has and what is missing",
  examples: ["forge doctor", "forge doctor --json"],
  options: [],
  async run({ cwd, env, signal }) {
    const results = await runProbes(
      [
        nodeProbe(),
        diskProbe(cwd, formatBytes),
        kernelsProbe(),
        llamaProbe(),
        ...probeTeachers(env),
        ...probeRemote(env),
      ],
      signal,
    );
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
