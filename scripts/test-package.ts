/**
 * Checks the package as its user meets it: publint, a real `npm pack`, an install into an empty folder, and runs of both
 * programs from there under the system's Node. `npm run test:package`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../forge/base/locate.ts";
import { random } from "../forge/base/random.ts";

const maxUnpackedBytes = 60e6;
const folder = mkdtempSync(join(tmpdir(), "forge-package-"));
try {
  npm(["run", "--silent", "build"], packageRoot);
  execFileSync(process.execPath, [join(packageRoot, "node_modules/publint/src/cli.js"), "--strict"], {
    cwd: packageRoot,
    stdio: "inherit",
  });
  const packed = JSON.parse(npm(["pack", "--json", "--silent", "--pack-destination", folder], packageRoot)) as
    | readonly PackResult[]
    | Readonly<Record<string, PackResult>>;
  const [result] = Object.values(packed) as readonly PackResult[];
  if (result === undefined) throw new Error("npm pack reported nothing");
  writeFileSync(join(folder, "package.json"), '{ "name": "consumer", "private": true }\n');
  npm(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", `./${result.filename}`], folder);
  if (
    readdirSync(join(folder, "node_modules")).some(
      (name) => name.startsWith("node-linux") || name.startsWith("node-win"),
    )
  ) {
    throw new Error("the published package brings a Node of its own");
  }
  expectOutput(["forge", "--version"], result.version);
  expectOutput(["forge", "--help"], "build-corpus");
  expectOutput(["trainer", "--help"], "chat");
  expectOutput(["forge", "doctor", "--json"], '"probes"');
  // Worker threads, kernels, the language model and shipped prompts are found from `dist/` too.
  writeFileSync(join(folder, "text.jsonl"), sampleDocuments());
  expectOutput(
    ["forge", "build-corpus", "--source", "text.jsonl", "--out", "corpus", "--set", "tokenizer.vocabularySize=300"],
    "kept",
  );
  expectOutput(["forge", "verify", "corpus"], "");
  expectOutput(["forge", "teach", "--prompts", "prompts/orca.yaml", "--limit", "5", "--out", "answers"], "accepted");
  const own = sizeOf(join(folder, "node_modules/@forge-corpus/forge"));
  if (own > maxUnpackedBytes) throw new Error(`the package unpacks to ${own} bytes, more than ${maxUnpackedBytes}`);
  process.stderr.write(`package ${result.version}: ${result.filename}, ${(own / 1e6).toFixed(1)} MB unpacked, runs\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Sixty different documents of plain English, varied enough for the quality filters. */
function sampleDocuments(): string {
  const nouns = (
    "river garden engine letter bridge kitchen teacher winter market harbour window island doctor forest village song " +
    "table mountain horse paper captain morning castle field stone clock ship brother street painting"
  ).split(" ");
  const verbs = "saw carried painted followed remembered described crossed opened measured visited sold mended".split(
    " ",
  );
  const stream = random("test-package");
  const pick = (words: readonly string[]): string => words[stream.below(words.length)] as string;
  const sentence = (): string =>
    `The ${pick(nouns)} and the ${pick(nouns)} ${pick(verbs)} a ${pick(nouns)} that ${pick(verbs)} the ${pick(nouns)} of ${pick(nouns)}.`;
  const lines = Array.from({ length: 60 }, () =>
    JSON.stringify({ text: Array.from({ length: 9 }, sentence).join(" ") }),
  );
  return `${lines.join("\n")}\n`;
}

interface PackResult {
  readonly filename: string;
  readonly version: string;
}

function npm(args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync("npm", args, {
    cwd,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
  return stdout;
}

function expectOutput([program = "", ...args]: readonly string[], text: string): void {
  const bin = join(folder, "node_modules/.bin", program);
  const env = { ...process.env, FORGE_NODE: process.execPath };
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: folder, encoding: "utf8", env });
  if (status !== 0 || !stdout.includes(text)) {
    throw new Error(`${program} ${args.join(" ")} ended with ${status}:\n${stdout}\n${stderr}`);
  }
}

function sizeOf(path: string): number {
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
