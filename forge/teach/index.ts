/**
 * The teacher: plan ► ask ► judge ► store. Queries and system messages go in, checked answers come out as Parquet.
 *
 * Not here: what a student makes of them (trainer), and how the command line looks (cli).
 */
export { hashMessages, planTeaching, type PlannedRow } from "./plan.ts";
export { loadQueries, readJsonLines, resolvePrompts } from "./prompts.ts";
export { judge, type JudgeContext, type Verdict } from "./judge/index.ts";
export { createAnswerWriter, type AnswerWriter } from "./parquet.ts";
export { openTeacher, parseTeacherSpec, type TeacherSpec } from "./providers/index.ts";
export type { Teacher, TeacherIdentity, TeacherReply, TeacherRequest } from "./providers/types.ts";
export { planTeach, runTeach, type TeachOptions, type TeachResult } from "./run.ts";
export { probeTeachers } from "./probe.ts";
