/**
 * Runs a program from its command table: parsing (commander), help, errors, output, exit code.
 *
 * `runProgram` touches no global: streams, environment and signal come in, the exit code goes out, so tests run whole
 * commands in process. Only the chosen command's module is loaded.
 */
import { ConfigError, ForgeError, UsageError } from "../base/errors.ts";
import type { Reporter } from "../base/events.ts";
import type { CommandEntry, CommandFlags, CommandSpec, OptionSpec } from "./command.ts";
import { formatTable } from "./format.ts";
import { formatConfigIssues } from "./issues.ts";
import { createProgress } from "./progress.ts";
import { createStyle, type Style } from "./style.ts";
import { closest } from "../base/suggest.ts";

export interface ProgramSpec {
  readonly name: string;
  readonly summary: string;
  readonly version: string;
  readonly examples: readonly string[];
  readonly commands: readonly CommandEntry[];
}

/** The outside world, as a program sees it. */
export interface ProgramIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly stdinIsTerminal: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly signal: AbortSignal;
}

/** Why a run was aborted by a signal: carries the exit code of the convention (130 or 143). */
export class Interrupted extends Error {
  readonly exitCode: 130 | 143;

  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`interrupted by ${signal}`);
    this.name = "Interrupted";
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

const commonOptions: readonly OptionSpec[] = [
  { name: "json", description: "Print the result as JSON, progress as NDJSON" },
  { name: "quiet", description: "Print the result only" },
];

/** Runs one command line (without `node` and the script) and returns its exit code. */
export async function runProgram(program: ProgramSpec, argv: readonly string[], io: ProgramIo): Promise<number> {
  const json = argv.includes("--json");
  const style = createStyle({ terminal: io.stderrIsTerminal, env: io.env });
  const progress = json
    ? { report: ndjsonReporter(io.stderr), close: () => undefined }
    : createProgress({ write: io.stderr, style, terminal: io.stderrIsTerminal, columns: io.columns });
  try {
    return await dispatch(program, argv, io, style, progress);
  } catch (error) {
    progress.close();
    return renderError(error, { program: program.name, argv, io, style, json });
  } finally {
    progress.close();
  }
}

async function dispatch(
  program: ProgramSpec,
  argv: readonly string[],
  io: ProgramIo,
  style: Style,
  progress: { readonly report: Reporter; readonly close: () => void },
): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || (name === "help" && rest.length === 0)) {
    io.stdout(`${programHelp(program, createStyle({ terminal: io.stdoutIsTerminal, env: io.env }))}\n`);
    return 0;
  }
  if (name === "--version" || name === "-V") {
    io.stdout(`${program.version}\n`);
    return 0;
  }
  const wanted = name === "help" ? (rest[0] as string) : name;
  const entry = program.commands.find((command) => command.name === wanted);
  if (entry === undefined) {
    const suggestion = closest(
      wanted,
      program.commands.map((command) => command.name),
    );
    throw new UsageError("command-unknown", `${program.name} has no command "${wanted}"`, {
      hint: suggestion === undefined ? `See ${program.name} --help` : `Did you mean "${program.name} ${suggestion}"?`,
    });
  }
  const spec = await entry.load();
  const args = name === "help" ? ["--help"] : rest;
  if (args.includes("--help") || args.includes("-h")) {
    io.stdout(`${commandHelp(program, spec, createStyle({ terminal: io.stdoutIsTerminal, env: io.env }))}\n`);
    return 0;
  }
  const parsed = await parseArguments(program, spec, args);
  const json = parsed.flags.on("json");
  const reporter: Reporter = parsed.flags.on("quiet") ? () => undefined : progress.report;
  const result = await spec.run({
    ...parsed,
    reporter,
    signal: io.signal,
    json,
    interactive: io.stdinIsTerminal && io.stdoutIsTerminal && !json && io.env["CI"] === undefined,
    cwd: io.cwd,
    env: io.env,
    stdout: io.stdout,
  });
  progress.close();
  if (json) io.stdout(`${JSON.stringify(result.json)}\n`);
  else {
    if (result.text !== "") io.stdout(`${result.text}\n`);
    if (result.next !== undefined && !parsed.flags.on("quiet")) io.stderr(`${style.dim("next:")} ${result.next}\n`);
  }
  return result.exitCode ?? 0;
}

async function parseArguments(
  program: ProgramSpec,
  spec: CommandSpec,
  args: readonly string[],
): Promise<{ readonly argument: string | undefined; readonly flags: CommandFlags }> {
  const { Command, CommanderError } = await import("commander");
  const command = new Command(spec.name);
  command.exitOverride().helpOption(false).allowExcessArguments(false);
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  if (spec.argument !== undefined) {
    command.argument(spec.argument.required ? `<${spec.argument.name}>` : `[${spec.argument.name}]`);
  }
  for (const option of [...spec.options, ...commonOptions]) {
    const flag = option.value === undefined ? `--${option.name}` : `--${option.name} <${option.value}>`;
    if (option.repeatable === true) {
      command.option(flag, option.description, (value: string, all: string[] | undefined) => [...(all ?? []), value]);
    } else command.option(flag, option.description);
  }
  try {
    command.parse(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      const [message, suggestion] = error.message.replace(/^error: /, "").split("\n");
      throw new UsageError("usage", message as string, {
        hint: suggestion?.replace(/^\((.*)\)$/, "$1") ?? `See ${program.name} ${spec.name} --help`,
        cause: error,
      });
    }
    throw error;
  }
  return { argument: command.args[0], flags: createFlags(command.opts()) };
}

/** Typed access to parsed flags; commander names them in camel case. */
export function createFlags(values: Readonly<Record<string, unknown>>): CommandFlags {
  const get = (name: string): unknown => values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  return {
    text(name) {
      const value = get(name);
      return typeof value === "string" ? value : undefined;
    },
    list(name) {
      const value = get(name);
      return Array.isArray(value) ? (value as string[]) : typeof value === "string" ? [value] : [];
    },
    on: (name) => get(name) === true,
    integer(name, min = 0) {
      const value = this.text(name);
      if (value === undefined) return undefined;
      const number = Number(value);
      if (!Number.isSafeInteger(number) || number < min) {
        throw new UsageError("flag-not-a-number", `--${name} wants a whole number of at least ${min}, got "${value}"`);
      }
      return number;
    },
  };
}

function programHelp(program: ProgramSpec, style: Style): string {
  return [
    program.summary,
    "",
    style.bold("Examples"),
    ...program.examples.map((example) => `  ${example}`),
    "",
    style.bold("Commands"),
    formatTable(program.commands.map((command) => [command.name, command.summary])),
    "",
    `${program.name} COMMAND --help tells more. Exit codes: 0 done, 1 our bug, 2 usage or config, 3 bad input,`,
    "4 something missing here, 5 a check failed, 6 finished with quarantined parts (--strict), 75 try again,",
    "130 interrupted.",
  ].join("\n");
}

/** Help of one command, examples first. */
export function commandHelp(program: ProgramSpec, spec: CommandSpec, style: Style): string {
  const argument =
    spec.argument === undefined ? "" : spec.argument.required ? ` ${spec.argument.name}` : ` [${spec.argument.name}]`;
  const rows = [...spec.options, ...commonOptions]
    .filter((option) => option.hidden !== true)
    .map((option) => [
      option.value === undefined ? `--${option.name}` : `--${option.name} ${option.value}`,
      option.description +
        (option.repeatable === true && !option.description.includes("repeatable") ? " (repeatable)" : "") +
        (option.defaultText === undefined ? "" : ` (default: ${option.defaultText})`),
    ]);
  return [
    spec.summary,
    ...(spec.description === undefined ? [] : ["", spec.description]),
    "",
    style.bold("Examples"),
    ...spec.examples.map((example) => `  ${example}`),
    "",
    style.bold("Usage"),
    `  ${program.name} ${spec.name}${argument} [flags]`,
    ...(spec.argument === undefined ? [] : ["", formatTable([[spec.argument.name, spec.argument.description]])]),
    "",
    style.bold("Flags"),
    formatTable(rows),
  ].join("\n");
}

interface ErrorContext {
  readonly program: string;
  readonly argv: readonly string[];
  readonly io: ProgramIo;
  readonly style: Style;
  readonly json: boolean;
}

/** Tells the user what went wrong, without a stack for anything that was expected; returns the exit code. */
function renderError(error: unknown, context: ErrorContext): number {
  const { io, style, json } = context;
  if (error instanceof Interrupted || io.signal.reason instanceof Interrupted) {
    const interrupted = error instanceof Interrupted ? error : (io.signal.reason as Interrupted);
    const again = [context.program, ...context.argv].map(quoted).join(" ");
    if (json) io.stdout(`${JSON.stringify({ error: { code: "interrupted", message: interrupted.message } })}\n`);
    io.stderr(`${style.yellow("interrupted.")} What is finished is kept; resume with: ${again}\n`);
    return interrupted.exitCode;
  }
  if (error instanceof ForgeError) {
    if (json) {
      const { code, message, hint, details } = error;
      io.stdout(`${JSON.stringify({ error: { code, message, hint, details } })}\n`);
    }
    io.stderr(`${style.red("error:")} ${error.message}\n`);
    if (error instanceof ConfigError && error.issues.length > 0) io.stderr(`${formatConfigIssues(error.issues)}\n`);
    if (error.hint !== undefined) io.stderr(`${style.dim("hint:")} ${error.hint}\n`);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) io.stdout(`${JSON.stringify({ error: { code: "bug", message: String(error) } })}\n`);
  io.stderr(`${style.red("bug:")} this should not have happened; please report it with the lines below.\n${stack}\n`);
  return 1;
}

/** An argument as a shell takes it. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function ndjsonReporter(write: (text: string) => void): Reporter {
  return (event) => write(`${JSON.stringify({ v: 1, ...event })}\n`);
}
