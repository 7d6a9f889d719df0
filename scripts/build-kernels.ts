/**
 * Compiles the AssemblyScript kernels to WebAssembly. Skips a module whose sources, flags and compiler did not change.
 *
 * Run by `npm run build:kernels`; bootstrap calls it before quickstart, test, bench and pack.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { hashSources, stampOf } from "../bin/kernels.js";
import { packageRoot } from "../forge/base/locate.ts";

interface KernelModule {
  /** Folder of the sources; every `.ts` below it counts for the hash. */
  readonly sources: string;
  readonly entry: string;
  readonly output: string;
  readonly flags: readonly string[];
}

interface AssemblyScriptCompiler {
  main(args: readonly string[]): Promise<{ error: Error | null; stderr: { toString(): string } }>;
}

const common = ["-O3", "--noAssert", "--enable", "simd", "--runtime", "stub"];

const modules: readonly KernelModule[] = [
  {
    sources: "forge/kernels/assembly",
    entry: "forge/kernels/assembly/index.ts",
    output: "forge/kernels/kernels.wasm",
    flags: [...common],
  },
  {
    sources: "trainer/backends/wasm/assembly",
    entry: "trainer/backends/wasm/assembly/index.ts",
    output: "trainer/backends/wasm/train.wasm",
    flags: [...common, "--importMemory", "--sharedMemory", "--maximumMemory", "65536", "--enable", "threads"],
  },
  {
    sources: "trainer/backends/wasm/assembly",
    entry: "trainer/backends/wasm/assembly/index.ts",
    output: "trainer/backends/wasm/train-relaxed.wasm",
    flags: [
      ...common,
      "--importMemory",
      "--sharedMemory",
      "--maximumMemory",
      "65536",
      "--enable",
      "threads",
      "--enable",
      "relaxed-simd",
    ],
  },
];

/** Builds what is stale; returns the names of the modules that were built. */
export async function buildKernels(): Promise<readonly string[]> {
  const built: string[] = [];
  const compiler = JSON.parse(readFileSync(join(packageRoot, "node_modules/assemblyscript/package.json"), "utf8")) as {
    version: string;
  };
  for (const module of modules) {
    if (!existsSync(join(packageRoot, module.entry))) continue;
    const stamp = `${module.output}.json`;
    const sources = hashSources(join(packageRoot, module.sources));
    const hash = createHash("sha256")
      .update(JSON.stringify([compiler.version, module.flags, sources]))
      .digest("hex");
    if (existsSync(join(packageRoot, module.output)) && stampOf(join(packageRoot, stamp)).hash === hash) continue;
    await compile(module);
    writeFileSync(join(packageRoot, stamp), `${JSON.stringify({ hash, sources })}\n`);
    built.push(basename(module.output));
  }
  return built;
}

async function compile(module: KernelModule): Promise<void> {
  // asc is 94 MB of compiler: loaded only when something is stale.
  // Its types would put AssemblyScript's globals into every file, so it is imported by a computed name and typed here.
  const name = "assemblyscript/asc";
  const { default: asc } = (await import(name)) as { default: AssemblyScriptCompiler };
  const args = [module.entry, "--outFile", module.output, "--baseDir", packageRoot, ...module.flags];
  const { error, stderr } = await asc.main(args);
  if (error !== null) {
    throw new Error(`asc ${relative(packageRoot, module.entry)} failed: ${error.message}\n${stderr.toString()}`);
  }
}

if (import.meta.main) {
  const started = performance.now();
  const built = await buildKernels();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(built.length === 0 ? "kernels are current\n" : `built ${built.join(", ")} in ${seconds} s\n`);
}
