/** How the issues of a config are shown. Apart from `config.ts`, so that help and errors load no YAML parser. */
import type { ConfigIssue } from "../base/errors.ts";

/** Every issue on its own lines, with the place in the user's file. */
export function formatConfigIssues(issues: readonly ConfigIssue[]): string {
  return issues
    .map((issue) => {
      const place = issue.file === undefined ? "" : `${issue.file}:${issue.line ?? 1}:${issue.column ?? 1}  `;
      const hint = issue.hint === undefined ? "" : ` (${issue.hint})`;
      const excerpt = issue.excerpt === undefined ? "" : `\n${issue.excerpt.replaceAll(/^/gm, "    ")}`;
      return `  ${place}${issue.path === "" ? "" : `${issue.path}: `}${issue.message}${hint}${excerpt}`;
    })
    .join("\n");
}
