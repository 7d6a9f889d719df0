/**
 * The whole way of teacher data: plan ► ask ► journal ► judge ► Parquet ► card ► manifest.
 *
 * Crash only: the journal keeps every answer that arrived, everything after it is made again from the journal. The
 * manifest is written last; while it stands, nothing is asked again.
 */
import { createHash } from "node:crypto";
import { mkdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  digestFile,
  formatJson,
  lockFolder,
  mapConcurrent,
  readJsonIfThere,
  removeTemporaries,
  silentReporter,
  TransientError,
  UsageError,
  writeFileAtomic,
  type Reporter,
} from "../base/index.ts";
import type { TeachConfig } from "../../schemas/config/teach.ts";
import { answersManifestSchema, type AnswersManifest } from "../../schemas/record/answer.ts";
import { askForRow, unreachable, type AskedOutcome } from "./ask.ts";
import { renderCard } from "./card.ts";
import { openJournal, type Journal } from "./journal.ts";
import { judge } from "./judge/index.ts";
import { planTeaching, type PlannedRow } from "./plan.ts";
import { loadQueries } from "./prompts.ts";
import { openTeacher } from "./providers/index.ts";
import type { Teacher, TeacherIdentity } from "./providers/types.ts";
import { storeAnswers } from "./store.ts";

export interface TeachOptions {
  /** Folder of the prompts file: its paths are relative to it. */
  readonly folder: string;
  /** Folder to write to. */
  readonly out: string;
  /** Redo what changed when the output was made from other inputs or config; answers still asked for are kept. */
  readonly update?: boolean;
  /** Remove an existing output first. */
  readonly force?: boolean;
  readonly reporter?: Reporter;
  readonly signal?: AbortSignal;
  /** Where a server's address and key are looked up: `OLLAMA_HOST`, `OPENAI_API_KEY`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** In place of the teacher that the config names. */
  readonly teacher?: Teacher;
}

export interface TeachResult {
  readonly manifest: AnswersManifest;
  /** Answers asked for in this run; the others came from the journal of an earlier one. */
  readonly asked: number;
  /** True when the output was whole already. */
  readonly unchanged: boolean;
}

/** What would be asked, without asking anyone. */
export async function planTeach(config: TeachConfig, folder: string): Promise<readonly PlannedRow[]> {
  return planTeaching(config, (await loadQueries(config, folder)).rows);
}

/**
 * @throws UsageError when `out` holds an output made from something else; TransientError when the teacher cannot be
 *   reached or fails row after row (run again to resume); EnvironmentError when server, model or disk space is missing
 */
export async function runTeach(config: TeachConfig, options: TeachOptions): Promise<TeachResult> {
  const { folder, out, reporter = silentReporter, signal = new AbortController().signal, env = {} } = options;
  const queries = await loadQueries(config, folder);
  const rows = planTeaching(config, queries.rows);
  await using teacher = options.teacher ?? (await openTeacher(config, folder, env));
  const identity = await teacher.identify(signal);
  if (identity.emptySystem !== undefined) reporter({ type: "note", message: identity.emptySystem });
  const madeFrom = describeInputs(config, queries.sha256, identity);

  await using _lock = await lockFolder(out, { signal });
  await removeTemporaries(out);
  if (options.force === true) await removeOutput(out);
  const standing = await readStanding(out);
  const changed = standing === undefined ? [] : changedNames(standing.madeFrom, madeFrom);
  if (changed.length > 0 && options.update !== true) {
    throw new UsageError("output-differs", `${out} was made from something else: ${changed.join(", ")}`, {
      hint: "Use --update to redo what changed, --force to start over, or another --out.",
      details: { changed },
    });
  }
  // The journal forgets failed answers when it is opened: with --update they are asked for once more.
  const again = options.update === true && standing?.manifest?.rejected["teacher-error"] !== undefined;
  if (standing?.manifest !== undefined && changed.length === 0 && !again && (await isWhole(out, standing.manifest))) {
    return { manifest: standing.manifest, asked: 0, unchanged: true };
  }
  await rm(join(out, "manifest.json"), { force: true });
  await writeFileAtomic(join(out, ".work", "made-from.json"), formatJson(madeFrom));

  await using journal = await openJournal(join(out, "journal.ndjson"));
  const keyOf = (row: PlannedRow): string => requestKey(row, config, identity);
  const asked = await askMissing({ teacher, rows, journal, keyOf, config, reporter, signal });
  const startedMs = performance.now();
  const outcomeOf = (row: PlannedRow): Promise<AskedOutcome> => journal.read(keyOf(row));
  const stored = await storeAnswers({ config, rows, identity, outcomeOf, out, report: reporter, signal });
  const { examples, ...counts } = stored;
  const { provider, model, digest, serverVersion, origin } = identity;
  const manifest: AnswersManifest = {
    version: 1,
    kind: "answers",
    madeFrom,
    teacher: { provider, model, digest, serverVersion, origin },
    ...counts,
  };
  await writeFileAtomic(join(out, "README.md"), renderCard({ config, manifest, identity, rows, examples }));
  await writeFileAtomic(join(out, "manifest.json"), formatJson(manifest));
  reporter({
    type: "stage-end",
    stage: "store",
    elapsedMs: performance.now() - startedMs,
    figures: { accepted: manifest.accepted, rejected: manifest.planned - manifest.accepted },
  });
  return { manifest, asked, unchanged: false };
}

interface AskInput {
  readonly teacher: Teacher;
  readonly rows: readonly PlannedRow[];
  readonly journal: Journal;
  readonly keyOf: (row: PlannedRow) => string;
  readonly config: TeachConfig;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/** A sliding window over what the journal lacks; returns how many were asked. */
async function askMissing(input: AskInput): Promise<number> {
  const { teacher, rows, journal, keyOf, config, reporter, signal } = input;
  const missing = rows.filter((row) => !journal.has(keyOf(row)));
  const startedMs = performance.now();
  reporter({
    type: "stage-start",
    stage: "ask",
    tasks: missing.length,
    message: `${missing.length} of ${rows.length} answers to ask for`,
  });
  let accepted = 0;
  let done = 0;
  let failedInRow = 0;
  const ask = async (row: PlannedRow): Promise<void> => {
    const outcome = await askForRow(teacher, row, config.retry, signal);
    await journal.append(keyOf(row), outcome);
    failedInRow = outcome.fault?.reason === "teacher-error" ? failedInRow + 1 : 0;
    if (failedInRow >= config.retry.maxFailedInRow) {
      throw new TransientError(
        unreachable,
        `${failedInRow} answers failed in a row, the last one with: ${outcome.fault?.message ?? ""}`,
        {
          hint: "Look at the teacher's server, then run the same command again: what was answered is kept.",
        },
      );
    }
    if (judge(outcome, { ...row, config: config.checks }).accepted) accepted++;
    done++;
    reporter({
      type: "stage-progress",
      stage: "ask",
      done,
      total: missing.length,
      unit: "rows",
      figures: { accepted },
    });
  };
  for await (const _ of mapConcurrent(missing, config.concurrency, ask, { ordered: false, signal }));
  reporter({
    type: "stage-end",
    stage: "ask",
    elapsedMs: performance.now() - startedMs,
    figures: { asked: missing.length, accepted },
  });
  return missing.length;
}

/** All that decides what a teacher says to a row; answers are kept under it. */
function requestKey(row: PlannedRow, config: TeachConfig, identity: TeacherIdentity): string {
  const { provider, model, digest } = identity;
  return sha256([row.messagesSha256, row.seed, row.sample, provider, model, digest, config.sampling]);
}

/** Everything the output depends on, by the name that a user knows. Concurrency, clocks and retries are not in it. */
function describeInputs(
  config: TeachConfig,
  queriesSha256: string,
  identity: TeacherIdentity,
): AnswersManifest["madeFrom"] {
  const {
    systems,
    collections,
    draw,
    erase,
    samples,
    seed,
    limit,
    sampling,
    checks,
    rowsPerPart,
    title,
    description,
    license,
  } = config;
  return {
    systems: sha256(systems),
    collections: sha256(collections),
    draw,
    erase,
    queries: queriesSha256,
    samples,
    seed,
    limit: limit ?? null,
    teacher: `${identity.provider}:${identity.model}`,
    teacherDigest: identity.digest,
    serverVersion: identity.serverVersion,
    sampling: { ...sampling, think: sampling.think ?? null },
    checks,
    rowsPerPart,
    card: sha256([title, description, license ?? null]),
  };
}

interface Standing {
  readonly madeFrom: AnswersManifest["madeFrom"];
  readonly manifest: AnswersManifest | undefined;
}

async function readStanding(out: string): Promise<Standing | undefined> {
  const parsed = answersManifestSchema.safeParse(await readJsonIfThere(join(out, "manifest.json")));
  if (parsed.success) return { madeFrom: parsed.data.madeFrom, manifest: parsed.data };
  const madeFrom = await readJsonIfThere(join(out, ".work", "made-from.json"));
  return madeFrom === undefined
    ? undefined
    : { madeFrom: madeFrom as AnswersManifest["madeFrom"], manifest: undefined };
}

function changedNames(before: AnswersManifest["madeFrom"], now: AnswersManifest["madeFrom"]): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
}

async function isWhole(out: string, manifest: AnswersManifest): Promise<boolean> {
  for (const { path, bytes, sha256: expected } of manifest.files) {
    const size = (await stat(join(out, path)).catch(() => undefined))?.size;
    if (size !== bytes || (await digestFile(join(out, path))).sha256 !== expected) return false;
  }
  return true;
}

async function removeOutput(out: string): Promise<void> {
  for (const name of ["manifest.json", "answers", "rejects", "journal.ndjson", "README.md", ".work"]) {
    await rm(join(out, name), { recursive: true, force: true });
  }
  await mkdir(out, { recursive: true });
}

function sha256(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}
