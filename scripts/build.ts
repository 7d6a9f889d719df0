/** Builds the publishable package into `dist/`: compiled TypeScript, declarations, and the data files beside the code. */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageRoot } from "../forge/base/locate.ts";
import { buildKernels } from "./build-kernels.ts";

const dist = join(packageRoot, "dist");
await buildKernels();
rmSync(dist, { recursive: true, force: true });
const compiler = join(packageRoot, "node_modules/typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
  cwd: packageRoot,
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);
// What `assetPath` finds beside the code.
for (const file of globSync("{forge,trainer,schemas}/**/*.{wasm,bin,py}", { cwd: packageRoot })) {
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  cpSync(join(packageRoot, file), join(dist, file));
}
