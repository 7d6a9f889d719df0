/** Every recipe of a corpus, built from what a clone has, held to its promises and to the card that is committed. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/locate.ts";
import { corpusManifestSchema, type CorpusManifest } from "../../schemas/run/corpus-manifest.ts";
import { lostDocuments } from "../../schemas/run/manifest.ts";
import { corpusRecipes } from "../recipes.ts";

const recipes = await corpusRecipes();
const quickstart = join(packageRoot, "shards/quickstart");
// Which packages are installed, and what a pattern matches in which case, differs elsewhere.
const isLinux = process.platform === "linux" && process.arch === "x64";

let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "forge-recipes-"));
});
afterAll(async () => {
  await rm(work, { recursive: true, force: true });
});

async function forge(...args: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, [join(packageRoot, "bin/forge.js"), ...args], { cwd: packageRoot });
}

async function filesOf(folder: string): Promise<Record<string, string>> {
  const names = existsSync(folder) ? (await readdir(folder)).sort() : [];
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")] as const)),
  );
}

/** The card of an output is the committed one, plots included. */
async function expectCard(name: string, out: string): Promise<void> {
  await forge("card", out, "--copy-to", join(work, "cards", name, "README.md"));
  const committed = await filesOf(join(packageRoot, "docs/cards", name));
  expect(committed, "a card changed: npm run cards").toEqual(await filesOf(join(work, "cards", name)));
}

it("there is a card for each recipe and no other", async () => {
  expect((await readdir(join(packageRoot, "docs/cards"))).filter((name) => name !== "README.md").sort()).toEqual(
    recipes,
  );
});

describe.each(recipes.filter((name) => name !== "quickstart"))("the recipe %s", (name) => {
  let manifest: CorpusManifest;
  let out: string;
  beforeAll(async () => {
    out = join(work, name);
    await forge("build-corpus", `docs/recipes/${name}.yaml`, "--out", out, "--workers", "2");
    manifest = corpusManifestSchema.parse(JSON.parse(await readFile(join(out, "manifest.json"), "utf8")));
  });

  it("keeps and rejects documents, and loses none", () => {
    const { conservation, stages } = manifest;
    for (const counts of [conservation, ...stages]) expect(lostDocuments(counts)).toBe(0);
    expect(conservation.kept).toBeGreaterThan(10);
    expect(Object.keys(conservation.rejected).length).toBeGreaterThan(1);
  });

  it("passes forge verify", async () => {
    await forge("verify", out);
  });

  it.skipIf(!isLinux)("has its card in docs/cards (skipped but on Linux x64)", async () => {
    await expectCard(name, out);
  });
});

describe.skipIf(!isLinux || !existsSync(join(quickstart, "manifest.json")))(
  "the quickstart (skipped: no shards/quickstart here, or not Linux x64)",
  () => {
    it("has its card in docs/cards", async () => {
      await expectCard("quickstart", quickstart);
    });
  },
);

describe("what the recipes are there to show", () => {
  const manifestOf = async (name: string): Promise<CorpusManifest> =>
    corpusManifestSchema.parse(JSON.parse(await readFile(join(work, name, "manifest.json"), "utf8")));

  it("fineweb-like leaves out C4's terminal punctuation and rejects by FineWeb's and Gopher's rules", async () => {
    const { config, figures } = await manifestOf("fineweb-like");
    expect(config).toMatchObject({ filters: [{ threshold: 0.65 }, {}, {}, { terminalPunctuation: false }, {}] });
    expect(Object.keys(figures.rejectedBy)).toEqual(expect.arrayContaining(["language", "gopher-quality"]));
  });

  it("dolma-like takes out lines, removes near copies and drops the document that answers the quiz", async () => {
    const { conservation, figures } = await manifestOf("dolma-like");
    expect(figures.editedBytes["ingest"]).toBeGreaterThan(0);
    expect(figures.duplicates.largestCluster).toBeGreaterThan(10);
    expect(conservation.rejected["contaminated"]).toBe(1);
  });

  it("redpajama-like rejects by its expressions alone and keeps the signals of the other rules", async () => {
    const { figures } = await manifestOf("redpajama-like");
    expect(Object.keys(figures.rejectedBy).filter((step) => step.startsWith("gopher"))).toEqual([]);
    expect(Object.keys(figures.rejectedBy)).toContain("expression");
    expect(figures.beyondBudget.documents).toBeGreaterThan(0);
  });

  it("code-docs keeps documents with curly brackets that C4 would reject", async () => {
    const { figures } = await manifestOf("code-docs");
    expect(figures.rejectedBy["c4"]?.["curly_bracket"]).toBeUndefined();
  });

  it("multilingual keeps all 13 languages", async () => {
    const { figures } = await manifestOf("multilingual");
    const languages = "ar de en es fr hi it ja ko pt ru tr zh".split(" ");
    expect(Object.keys(figures.languages).sort()).toEqual(languages);
  });
});
