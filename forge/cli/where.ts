/** `forge where`: which document a token belongs to, and where that came from. */
import { UsageError } from "../base/index.ts";
import type { CommandSpec } from "../console/command.ts";
import { locateToken, type SourceRecord } from "../pipeline/index.ts";
import { outputFolder } from "./folder.ts";

export const spec: CommandSpec = {
  name: "where",
  summary: "Tell which document and source record a token comes from",
  description:
    "Positions count from 0. The record is found by reading its source again; when that is gone, id and URI remain.",
  examples: [
    "forge where shards/quickstart --at train-00000:12345",
    "forge where shards/quickstart --at validation-00000:0 --json",
  ],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [{ name: "at", value: "SHARD:POSITION", description: "Shard and position of the token in it" }],
  async run({ argument, flags, cwd }) {
    const { folder, name } = await outputFolder({ argument, cwd });
    const [, shard, position] = /^(.+):(\d+)$/.exec(flags.text("at") ?? "") ?? [];
    if (shard === undefined || position === undefined) {
      throw new UsageError("position-missing", "Say which token is meant: --at SHARD:POSITION", {
        hint: "For example: --at train-00000:12345",
      });
    }
    const origin = await locateToken(folder, shard, Number(position));
    const { record } = origin;
    const text = [
      `document  ${origin.id} (number ${origin.document} of the shard, token ${origin.tokenInDocument} of it)`,
      `source    ${origin.source}${record === null ? ", record not found again" : named(record)}`,
      ...(origin.url === null ? [] : [`url       ${origin.url}`]),
      ...(origin.date === null ? [] : [`date      ${origin.date}`]),
      "",
      `${origin.before}⟦${origin.token}⟧${origin.after}`,
    ].join("\n");
    return { text, json: origin, next: `forge inspect ${name} --id ${origin.id}` };
  },
};

function named({ unit, place }: SourceRecord): string {
  if (unit === "file") return "";
  return unit === "row" ? `, row ${place}` : `, ${unit} at byte ${place}`;
}
