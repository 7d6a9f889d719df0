/**
 * The teacher: plan ► ask ► judge ► store. Queries and system messages go in, checked answers come out as Parquet.
 *
 * Not here: what a student makes of them (trainer), and how the command line looks (cli).
 */
export { hashMessages, planTeaching, type PlannedRow } from "./plan.ts";
export { readJsonLines, resolvePrompts } from "./prompts.ts";
export { judge } from "./judge/index.ts";
export { createAnswerWriter } from "./parquet.ts";
export { openTeacher, parseTeacherSpec } from "./providers/index.ts";
export type { Teacher } from "./providers/types.ts";
export { planTeach, runTeach, type TeachResult } from "./run.ts";
export { probeTeachers } from "./probe.ts";
