import { appendFile, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatBytes } from "../../forge/console/format.ts";
import { loadConfig } from "../../forge/console/config.ts";
import { packageRoot } from "../../forge/base/index.ts";
import { corpusConfigSchema } from "../../schemas/config/corpus.ts";
import { makeText, writeFiles } from "../pipeline/corpora.ts";
import { corpusRecipes } from "../recipes.ts";
import { runForge, type Ran } from "../forge.ts";

let cwd: string;
beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "forge-cli-"));
  const lines = Array.from({ length: 30 }, (_, i) => JSON.stringify({ text: makeText(150, i % 25) }));
  await writeFiles(cwd, {
    "texts/a.jsonl": `${lines.join("\n")}\n`,
    "corpus.yaml":
      "name: small\nout: made\nsources:\n  - name: texts\n    path: texts\nfilters: []\ntokenizer:\n  vocabularySize: 280\n",
    "gone.yaml": "name: gone\nout: x\nsources:\n  - name: texts\n    path: gone/*.txt\n",
    "packed.zip": "packed",
    "packed.tar": "packed",
    "wrong.yaml": "name: wrong\nsources:\n  - name: texts\n    path: texts\ndedupe:\n  near: false\n",
  });
});
afterAll(async () => {
  await rm(cwd, { recursive: true, force: true });
});

const forge = async (...argv: readonly string[]): Promise<Ran> => await runForge(cwd, argv);

describe("forge build-corpus", () => {
  it("shows the plan under --dry-run with estimates and their basis, and writes nothing", async () => {
    const { code, stdout } = await forge("build-corpus", "corpus.yaml", "--dry-run", "--workers", "2");
    expect(code).toBe(0);
    const size = (await stat(join(cwd, "texts", "a.jsonl"))).size;
    expect(stdout).toContain(`${formatBytes(size)} of 1 source would become made/ in `);
    expect(stdout).toMatch(/^ {2}ingest +1 task +[\d.]+ kB +read, extract, repair/m);
    expect(stdout).toMatch(/^ {2}match +\d+ tasks +find candidates/m);
    expect(stdout).toContain(`disk  up to ${formatBytes(size * 3)}`);
    expect(stdout).toMatch(/time +2\.0 s +by 2 workers, each 10 MB of text a second on a free core/);
    expect(stdout).not.toContain("done");
    expect(await readdir(cwd)).not.toContain("made");
  });

  it(
    "builds, and the output verifies, has a card, and names the damaged file when one was touched",
    { timeout: 60_000 },
    async () => {
      const built = await forge("build-corpus", "corpus.yaml", "--workers", "1");
      expect(built.code).toBe(0);
      expect(built.stdout).toContain("documents in   30\nkept           25 ");
      expect(built.stdout).toContain("5  exact-duplicate");
      expect(built.stdout + built.stderr).toContain("forge verify made");
      expect((await forge("verify", "made")).stdout).toContain("made is whole");
      const dry = await forge("card", "made", "--dry-run");
      expect(dry).toMatchObject({ code: 0 });
      const again = (await forge("build-corpus", "corpus.yaml", "--dry-run")).stdout;
      expect(again).toMatch(/ in (\d+) tasks, of which \1 are done:/);
      expect(again).toMatch(/^ {2}ingest +1 task +1 done /m);
      expect(dry.stdout).toContain("would write made/README.md");
      expect((await forge("card", "made")).code).toBe(0);
      const copied = await forge("card", "made", "--copy-to", "cards/made.md");
      expect(copied.stdout).toContain("wrote made/README.md\n");
      expect(copied.stdout).toContain("wrote cards/made.md\nwrote cards/made-funnel.svg");
      expect(await readdir(join(cwd, "cards"))).toContain("made-funnel.svg");
      const refused = await forge("card", "made", "--copy-to", "cards");
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("is not the name of a Markdown file");
      expect((await forge("verify", "made")).code).toBe(0);
      await appendFile(join(cwd, "made", "documents", "part-00000.parquet"), "x");
      const damaged = await forge("verify", "made");
      expect(damaged.code).toBe(5);
      expect(damaged.stderr).toContain("documents/part-00000.parquet");
    },
  );

  it("refuses to mix another config into an output, and says which key changed", async () => {
    const { code, stderr } = await forge("build-corpus", "corpus.yaml", "--seed", "7");
    expect(code).toBe(2);
    expect(stderr).toContain("config.shard changed (seed) from 1 to 7");
    expect(stderr).toContain("--update");
  });

  it("takes sources from the command line, and prints JSON under --json", { timeout: 60_000 }, async () => {
    const { code, stdout } = await forge(
      "build-corpus",
      "--source",
      "texts/*.jsonl",
      "--out",
      "quick",
      "--set",
      "filters=[]",
      "--set",
      "tokenizer.vocabularySize=280",
      "--workers",
      "1",
      "--json",
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: "quick", conservation: { documentsIn: 30, kept: 25 } });
  });

  it.each([
    [
      "an unknown key, with what was meant",
      ["build-corpus", "wrong.yaml"],
      2,
      /wrong\.yaml:5:1 .*dedupe: unknown key \(did you mean "dedup"\?\)/,
    ],
    ["neither config nor source", ["build-corpus"], 2, /either a config file or --source/],
    ["a config that is not there", ["build-corpus", "nowhere.yaml"], 2, /nowhere\.yaml does not exist/],
    [
      "a source that is not there",
      ["build-corpus", "--source", "nowhere/*.txt", "--out", "x"],
      2,
      /no file matches nowhere/,
    ],
    [
      "a source that is not there beside one that is, before a plan is shown",
      ["build-corpus", "--source", "texts", "--source", "nowhere", "--out", "x", "--dry-run"],
      2,
      /no file matches nowhere/,
    ],
    ["a source that a config names and that is not there", ["build-corpus", "gone.yaml"], 3, /no file matches gone/],
    [
      "a source that is there and cannot be read, as bad data",
      ["build-corpus", "--source", "packed.tar", "--source", "packed.zip", "--out", "x"],
      3,
      /packed\.zip is packed as/,
    ],
    ["an output that is not there", ["verify", "nowhere"], 2, /The folder nowhere does not exist/],
    ["a card of nothing", ["card", "nowhere"], 2, /The folder nowhere does not exist/],
  ] as const)("names %s in a sentence, without a stack", async (_what, argv, code, message) => {
    const ran = await forge(...argv);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(message);
    expect(ran.stderr).not.toMatch(/^\s+at /m);
    expect(await readdir(cwd)).not.toContain("x");
  });
});

describe("the recipes", () => {
  it("are valid corpus configs", async () => {
    const folder = join(packageRoot, "docs", "recipes");
    const names = await corpusRecipes();
    expect(names).toEqual(
      ["code-docs", "dolma-like", "fineweb-like", "multilingual", "quickstart", "redpajama-like"].sort(),
    );
    for (const name of names) {
      const { config } = await loadConfig(corpusConfigSchema, { path: join(folder, `${name}.yaml`) });
      expect(config.name).toBe(name);
    }
  });
});
