/** Holds the layers of docs/architecture.md: who may import whom. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../forge/base/locate.ts";

const rooms = [
  "read",
  "extract",
  "filter",
  "dedup",
  "decontaminate",
  "tokenize",
  "shard",
  "card",
  "llama",
  "teach",
].map((room) => `forge/${room}`);

/** What each folder may import besides itself. The first matching prefix decides. */
const allowed: readonly (readonly [string, readonly string[]])[] = [
  ["schemas", []],
  ["forge/base", ["schemas"]],
  ["forge/kernels", ["schemas", "forge/base"]],
  ["forge/console", ["forge/base"]],
  ["forge/pipeline", ["schemas", "forge/base", "forge/kernels", "forge/execute", ...rooms]],
  ["forge/execute", ["schemas", "forge/base", "forge/kernels", "forge/pipeline"]],
  ["forge/cli", ["schemas", "forge"]],
  ["forge/testing", ["schemas", "forge"]],
  ["forge/index.ts", ["schemas", "forge"]],
  // The teacher may ask a model through llama.cpp: the one door between rooms.
  ["forge/teach", ["schemas", "forge/base", "forge/kernels", "forge/llama"]],
  ["forge/", ["schemas", "forge/base", "forge/kernels"]],
  [
    "trainer",
    [
      "trainer",
      "schemas",
      "forge/base",
      "forge/console",
      "forge/kernels",
      "forge/llama",
      "forge/shard",
      "forge/tokenize",
    ],
  ],
];

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(packageRoot, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name).replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".ts") && !name.includes("/assembly/"));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(packageRoot, file), "utf8");
  const names = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] as string);
  return names.map((name) => normalize(join(dirname(file), name)).replaceAll("\\", "/"));
}

const files = ["schemas", "forge", "trainer"].flatMap(sourcesBelow);

describe("architecture", () => {
  it("lets every file import only from its own folder and from the layers below", () => {
    const faults = files.flatMap((file) => {
      const [own, below] = allowed.find(([prefix]) => file.startsWith(prefix)) ?? ["", []];
      const room = own.endsWith("/") ? file.split("/").slice(0, 2).join("/") : own;
      return importsOf(file)
        .filter((target) => ![room, ...below].some((folder) => target === folder || target.startsWith(`${folder}/`)))
        .map((target) => `${file} imports ${target}`);
    });
    expect(faults).toEqual([]);
  });

  it("lets nothing print outside the console room", () => {
    const printing = /\bconsole\.(log|info|warn|error|debug)\(|process\.(stdout|stderr)\.write\(/;
    const faults = files
      .filter((file) => !file.startsWith("forge/console/"))
      .filter((file) => printing.test(readFileSync(join(packageRoot, file), "utf8")));
    expect(faults).toEqual([]);
  });

  it("reaches a room only through its door", () => {
    const faults = files.flatMap((file) =>
      importsOf(file)
        .filter((target) => rooms.some((room) => target.startsWith(`${room}/`) && !file.startsWith(`${room}/`)))
        // A worker entry or a heavy part may be loaded apart from its room's door, by name.
        .filter((target) => !target.endsWith("/index.ts"))
        .map((target) => `${file} imports ${relative(".", target)}`),
    );
    expect(faults).toEqual([]);
  });
});
