/** What `npm run quickstart` left in this checkout, held to its promises. Run it after the quickstart. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/locate.ts";
import { corpusManifestSchema, type CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";

const run = promisify(execFile);
const corpus = join(packageRoot, "shards/quickstart");
const there = existsSync(join(corpus, "manifest.json"));
const forge = join(packageRoot, "bin/forge.js");
const python = process.env["FORGE_PYTHON"] ?? join(packageRoot, ".venv/bin/python");
const scratch = mkdtempSync(join(tmpdir(), "forge-e2e-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function manifestOf(folder: string): Promise<CorpusManifest> {
  return corpusManifestSchema.parse(JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")));
}

function digests(manifest: CorpusManifest): Record<string, string> {
  return Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256]));
}

describe.skipIf(!there)("the quickstart's corpus (skipped: no shards/quickstart here)", () => {
  it("adds up: documents in = kept + rejected + quarantined, in every stage and in the whole", async () => {
    const { conservation, stages } = await manifestOf(corpus);
    expect(conservation.documentsIn).toBeGreaterThan(1000);
    for (const counts of [conservation, ...stages]) expect(lostDocuments(counts)).toBe(0);
  });

  it("keeps at least 3 MB of text", async () => {
    expect((await manifestOf(corpus)).figures.keptTextBytes).toBeGreaterThanOrEqual(3e6);
  });

  it("passes forge verify", async () => {
    const { stdout } = await run(process.execPath, [forge, "verify", corpus, "--json"]);
    expect(JSON.parse(stdout)).toBeDefined();
  });

  it.skipIf(!existsSync(python))(
    "is read by pyarrow, every Parquet and Arrow file (skipped without: npm run oracles)",
    async () => {
      const script = [
        "import glob, sys, pyarrow as pa, pyarrow.parquet as pq",
        "files = [f for root in sys.argv[1:] for f in glob.glob(root + '/**/*', recursive=True) if '/.work/' not in f]",
        "parquet = [f for f in files if f.endswith('.parquet')]",
        "arrow = [f for f in files if f.endswith('.arrow')]",
        "for f in parquet: pq.read_table(f).validate(full=True)",
        "for f in arrow: pa.ipc.open_file(pa.memory_map(f)).read_all().validate(full=True)",
        "print(len(parquet), len(arrow))",
      ].join("\n");
      const { stdout } = await run(python, ["-c", script, corpus, `${corpus}-answers`]);
      const [parquet = 0, arrow = 0] = stdout.trim().split(" ").map(Number);
      expect(parquet).toBeGreaterThanOrEqual(4);
      expect(arrow).toBeGreaterThanOrEqual(2);
    },
  );

  it("comes out byte for byte the same with one worker, also when it was killed on the way", async () => {
    const out = join(scratch, "again");
    const args = [forge, "build-corpus", "docs/recipes/quickstart.yaml", "--workers", "1", "--out", out];
    const killed = run(process.execPath, args, { cwd: packageRoot, timeout: 3000, killSignal: "SIGKILL" });
    await expect(killed).rejects.toMatchObject({ killed: true });
    await run(process.execPath, args, { cwd: packageRoot });
    expect(digests(await manifestOf(out))).toEqual(digests(await manifestOf(corpus)));
  });
});
