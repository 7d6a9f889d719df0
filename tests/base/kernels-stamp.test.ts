/** Old kernels under new code would read and write where they should not: the programs' shim refuses to start them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { hashSources, kernelSources, staleKernels } from "../../bin/kernels.js";
import { packageRoot } from "../../forge/base/locate.ts";

it("names compiled kernels whose sources changed, were added, renamed or removed since", async () => {
  const root = await mkdtemp(join(tmpdir(), "forge-stamp-"));
  const [output, sources] = ["forge/kernels/kernels.wasm", kernelSources["forge/kernels/kernels.wasm"] as string];
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  };
  expect(staleKernels(root)).toEqual([]);
  await write(`${sources}/index.ts`, "export {}");
  await write(`${sources}/deep/a.ts`, "1");
  // Not compiled at all: what needs them says so.
  expect(staleKernels(root)).toEqual([]);
  await write(output, "wasm");
  expect(staleKernels(root)).toEqual([output]);
  const stamp = async (): Promise<void> =>
    await write(`${output}.json`, JSON.stringify({ sources: hashSources(join(root, sources)) }));
  await stamp();
  expect(staleKernels(root)).toEqual([]);
  const changes = [
    async () => await write(`${sources}/deep/a.ts`, "2"),
    async () => await write(`${sources}/b.ts`, ""),
    async () => await rm(join(root, sources, "b.ts")),
    async () => await write(`${output}.json`, "{"),
  ];
  for (const change of changes) {
    await change();
    expect(staleKernels(root)).toEqual([output]);
    await stamp();
    expect(staleKernels(root)).toEqual([]);
  }
  await rm(root, { recursive: true });
});

it("has the kernels of this clone stamped with their sources", async () => {
  expect(staleKernels(packageRoot)).toEqual([]);
  const { sources } = JSON.parse(await readFile(join(packageRoot, "forge/kernels/kernels.wasm.json"), "utf8")) as {
    sources: string;
  };
  expect(sources).toMatch(/^[0-9a-f]{64}$/);
});
