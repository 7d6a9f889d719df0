/** The program `forge` in process, as a user types it where no terminal is. */
import { forgeProgram } from "../forge/cli/index.ts";
import { runProgram } from "../forge/console/program.ts";

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one command in a folder, with an empty environment. */
export async function runForge(cwd: string, argv: readonly string[]): Promise<Ran> {
  let stdout = "";
  let stderr = "";
  const code = await runProgram(forgeProgram, argv, {
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    stdinIsTerminal: false,
    columns: 100,
    env: {},
    cwd,
    signal: new AbortController().signal,
  });
  return { code, stdout, stderr };
}
