/**
 * What a command is, as pure data. One table of these feeds the parser, help, completion and the reference docs.
 *
 * A command's handler returns its result; it prints nothing. The console prints `text` for people and `json` under
 * `--json`, then the next command to try.
 */
import type { Reporter } from "../base/events.ts";

/** One long flag. The console adds the standard ones: `--json --quiet --help`. */
export interface OptionSpec {
  /** Without dashes, kebab-case: `dry-run`. */
  readonly name: string;
  readonly description: string;
  /** Name of the value in help, e.g. `DIR`; absent for a switch. */
  readonly value?: string;
  /** May be given several times; the value is then an array. */
  readonly repeatable?: boolean;
  /** Shown in help; defaults themselves live in the config schemas. */
  readonly defaultText?: string;
  readonly hidden?: boolean;
}

/** The one positional argument a command may take. */
export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

/** What a user typed, as strings; the command turns them into values through its schema. */
export interface CommandInput {
  readonly argument: string | undefined;
  readonly flags: CommandFlags;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** True under `--json`: the handler may skip making `text`. */
  readonly json: boolean;
  /** True when stdin and stdout are a terminal and nobody said `--json`: only then may a command ask. */
  readonly interactive: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Writes to stdout while the command works: for `chat`, whose result is a stream. */
  readonly stdout: (text: string) => void;
}

/** Typed access to flags, so that handlers never cast. */
export interface CommandFlags {
  text(name: string): string | undefined;
  list(name: string): readonly string[];
  on(name: string): boolean;
  /** A whole number at or above `min`. @throws UsageError */
  integer(name: string, min?: number): number | undefined;
}

export interface CommandResult {
  /** For people, without a final line feed. */
  readonly text: string;
  /** Printed as one JSON document under `--json`. */
  readonly json: unknown;
  /** The command to try next, shown last. */
  readonly next?: string;
  /** @default 0 */
  readonly exitCode?: number;
}

export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  /** Shown first in help: whole command lines. */
  readonly examples: readonly string[];
  readonly argument?: ArgumentSpec;
  readonly options: readonly OptionSpec[];
  readonly run: (input: CommandInput) => Promise<CommandResult>;
}

/** A row of a program's command table: enough for help, the rest is loaded when the command runs. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<CommandSpec>;
}

/** Flags that mean the same everywhere. Spread those a command has into its `options`. */
export const standardOptions = {
  out: { name: "out", value: "DIR", description: "Folder to write to" },
  dryRun: { name: "dry-run", description: "Show what would be done and stop" },
  update: { name: "update", description: "Redo what changed when the output was made from other inputs or config" },
  force: { name: "force", description: "Start over: remove an existing output first" },
  strict: { name: "strict", description: "End with exit code 6 when input was quarantined" },
  seed: { name: "seed", value: "N", description: "Seed of everything random" },
  workers: { name: "workers", value: "N", description: "Worker threads", defaultText: "cores" },
  set: { name: "set", value: "PATH=VALUE", description: "Override one config value (repeatable)", repeatable: true },
  showConfig: { name: "show-config", description: "Print the resolved config with the origin of each value and stop" },
} as const satisfies Record<string, OptionSpec>;
