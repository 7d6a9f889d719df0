/**
 * The errors a user may see, one class for each party that must act. Everything else that is thrown is a bug.
 *
 * Foreign errors are wrapped at the door of the room that called the library; aborts are rethrown as they are.
 * Only the entry file turns an error into an exit code (see `exitCodeOf`).
 */

export interface ForgeErrorOptions {
  /** What the user can do about it, one sentence. */
  readonly hint?: string;
  /** Machine-readable particulars, printed under `--json`. */
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** Base of every expected error. `code` is stable and kebab-case; `message` is one clear sentence. */
export class ForgeError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  /** Exit code of a process that ends because of this error. */
  readonly exitCode: number = 1;

  constructor(code: string, message: string, options: ForgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/** The command line is wrong: an unknown flag, a missing argument. */
export class UsageError extends ForgeError {
  override readonly exitCode = 2;
}

/** One problem of a config file. Line and column count from 1. */
export interface ConfigIssue {
  readonly path: string;
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly hint?: string;
  /** Lines that show the place in the value, a caret below it. */
  readonly excerpt?: string;
}

/** The config is wrong. Carries every issue at once, each with its position. */
export class ConfigError extends ForgeError {
  override readonly exitCode = 2;
  readonly issues: readonly ConfigIssue[];

  constructor(code: string, message: string, issues: readonly ConfigIssue[], options: ForgeErrorOptions = {}) {
    super(code, message, { ...options, details: { ...options.details, issues } });
    this.issues = issues;
  }
}

/** Where in the input bad data stands. `row` counts from 0; `byteOffset` is in the decompressed stream. */
export interface DataPosition {
  readonly file?: string;
  readonly row?: number;
  readonly column?: string;
  readonly byteOffset?: number;
  readonly sample?: string;
}

/** The input data is bad. */
export class DataError extends ForgeError {
  override readonly exitCode = 3;
  readonly position: DataPosition;

  constructor(code: string, message: string, position: DataPosition, options: ForgeErrorOptions = {}) {
    super(code, message, { ...options, details: { ...options.details, ...position } });
    this.position = position;
  }
}

/** Something is missing or full on this machine: a model, a program, disk space. See `forge doctor`. */
export class EnvironmentError extends ForgeError {
  override readonly exitCode = 4;
}

/** A stated limit was missed: a verification failed, a gate did not hold. */
export class GateError extends ForgeError {
  override readonly exitCode = 5;
}

/** A passing fault (network, busy server, held lock): running again is safe and may succeed. */
export class TransientError extends ForgeError {
  override readonly exitCode = 75;
  readonly retryAfterMs: number | undefined;

  constructor(code: string, message: string, options: ForgeErrorOptions & { readonly retryAfterMs?: number } = {}) {
    super(code, message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Narrows a caught value to a Node system error (`ENOENT`, `ENOSPC`, …). */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}

/**
 * Wraps a Node file-system error into the error of whoever must act; returns anything else unchanged.
 *
 * @param path the file as the user knows it
 */
export function wrapFileError(error: unknown, path: string): unknown {
  if (error instanceof ForgeError || !isSystemError(error)) return error;
  switch (error.code) {
    case "ENOENT":
      return new DataError("file-not-found", `${path} does not exist`, { file: path }, { cause: error });
    case "EACCES":
    case "EPERM":
      return new DataError(
        "file-unreadable",
        `${path} may not be accessed`,
        { file: path },
        { cause: error, hint: "Check the permissions of the file and of its folder." },
      );
    case "EISDIR":
      return new DataError(
        "file-is-folder",
        `${path} is a folder, a file was expected`,
        { file: path },
        { cause: error },
      );
    case "ENOTDIR":
    case "EEXIST":
      return new DataError(
        "file-in-the-way",
        `${path}: a file stands where a folder was expected`,
        { file: path },
        { cause: error, hint: "Check the path, or give another one." },
      );
    case "ENOSPC":
    case "EDQUOT":
      return new EnvironmentError("disk-full", `No space left on the disk while writing ${path}`, {
        cause: error,
        hint: "Free some space and run the same command again: finished parts are kept.",
      });
    case "EROFS":
      return new EnvironmentError("read-only", `${path} is on a read-only file system`, { cause: error });
    case "EMFILE":
      return new EnvironmentError("too-many-files", `Too many open files while opening ${path}`, {
        cause: error,
        hint: "Raise the limit with `ulimit -n 4096`.",
      });
    default:
      return error;
  }
}

/** A programmer's mistake, never the user's: reported as a bug with its stack. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${message}`);
}
