/** Adds up the JSON reports of the test suites and prints CI's closing line; fails when a test or a step failed. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly success: boolean;
}

const [folder = ".", stepsFailed = "0"] = process.argv.slice(2);
const reports = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Report);
const sum = (pick: (report: Report) => number): number => reports.reduce((total, report) => total + pick(report), 0);
const failures = sum((report) => report.numFailedTests);
const skipped = sum((report) => report.numPendingTests + report.numTodoTests);
process.stdout.write(
  `\ntests: ${sum((report) => report.numPassedTests)} passed, ${failures} failed, ${skipped} skipped\n`,
);
const whole = reports.length > 0 && reports.every((report) => report.success);
process.exitCode = stepsFailed === "0" && failures === 0 && whole ? 0 : 1;
