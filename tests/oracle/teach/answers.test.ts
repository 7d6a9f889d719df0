/** pyarrow reads every Parquet file of an answers folder: rows, types, nulls, nested lists, filters. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { shippedPath } from "../../../forge/base/index.ts";
import { runTeach } from "../../../forge/teach/index.ts";
import { teachConfigSchema } from "../../../schemas/config/teach.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const there = existsSync(python);

const script = `
import json, sys, pyarrow.parquet as pq, pyarrow.compute as pc
a = pq.read_table(sys.argv[1] + "/answers"); r = pq.read_table(sys.argv[1] + "/rejects")
one = pq.read_table(sys.argv[1] + "/answers", filters=[("query_id", "==", "arith-01")]).to_pylist()[0]
print(json.dumps({
  "rows": [a.num_rows, r.num_rows], "same_schema": a.schema.equals(r.schema),
  "types": {f.name: str(f.type) for f in a.schema if f.name in ("steps", "seed", "accepted", "answer", "queue_ms")},
  "bytes": pc.sum(pc.binary_length(a["answer"].cast("binary"))).as_py(),
  "steps": len(one["steps"]), "checks": len(one["checks"]), "first_check": one["checks"][0], "reason": one["reason"],
  "reasons": sorted(set(r["reason"].to_pylist())),
}))`;

describe.skipIf(!there)(
  `answers under pyarrow${there ? "" : " (skipped: no Python at .venv; run npm run oracles)"}`,
  () => {
    it("have the rows, types and nested lists that were written, and are found by a filter", async () => {
      const out = await mkdtemp(join(tmpdir(), "forge-oracle-"));
      try {
        const folder = shippedPath("prompts");
        const config = teachConfigSchema.parse({
          ...(parse(await readFile(join(folder, "orca.yaml"), "utf8")) as object),
          rowsPerPart: 25,
        });
        const { manifest } = await runTeach(config, { folder, out });
        const seen: unknown = JSON.parse(execFileSync(python, ["-c", script, out], { encoding: "utf8" }));
        expect(seen).toMatchObject({
          rows: [manifest.accepted, manifest.planned - manifest.accepted],
          same_schema: true,
          types: {
            seed: "int64",
            accepted: "bool",
            answer: "string",
            queue_ms: "double",
            steps: "list<element: string>",
          },
          bytes: manifest.acceptedBytes,
          steps: 3,
          checks: 12,
          first_check: { name: "answered", passed: true, detail: "yes" },
          reason: null,
          reasons: Object.keys(manifest.rejected).sort(),
        });
      } finally {
        await rm(out, { recursive: true });
      }
    });
  },
);
