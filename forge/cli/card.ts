/** `forge card`: writes the dataset card of a finished corpus again, and on request a copy of it elsewhere. */
import { dirname, join, resolve } from "node:path";
import { standardOptions, type CommandSpec } from "../console/command.ts";
import { UsageError } from "../base/index.ts";
import { outputFolder } from "./folder.ts";
import { copyCard, copyLayout, previewCard, refreshCard } from "../pipeline/index.ts";

export const spec: CommandSpec = {
  name: "card",
  summary: "Write the dataset card of an output",
  description:
    "README.md for the Hugging Face hub, with plots, from the figures of manifest.json. --copy-to writes a second one, " +
    "its plots beside it, for instance into a repository.",
  examples: ["forge card shards/quickstart", "forge card shards/quickstart --copy-to docs/cards/quickstart/README.md"],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [
    { name: "copy-to", value: "FILE", description: "Also write the card to this Markdown file" },
    standardOptions.dryRun,
  ],
  async run({ argument, flags, cwd }) {
    const { folder, name } = await outputFolder({ argument, cwd });
    const copy = flags.text("copy-to");
    if (copy !== undefined && !/\.(md|markdown)$/i.test(copy)) {
      throw new UsageError("copy-not-markdown", `--copy-to ${copy} is not the name of a Markdown file`, {
        hint: "For example: --copy-to docs/cards/mine/README.md",
      });
    }
    const besideCopy = (paths: readonly string[]): string[] => paths.map((path) => join(dirname(copy ?? ""), path));
    if (flags.on("dry-run")) {
      const files = (await previewCard(folder)).map(({ path }) => path);
      const copies =
        copy === undefined ? [] : besideCopy((await previewCard(folder, copyLayout(copy))).map(({ path }) => path));
      const text = [...files.map((path) => join(name, path)), ...copies].map((path) => `would write ${path}`);
      return {
        text: text.join("\n"),
        json: { folder: name, files, copies, dryRun: true },
        next: `forge card ${name}`,
      };
    }
    const manifest = await refreshCard(folder);
    const files = manifest.files
      .map((file) => file.path)
      .filter((path) => path === "README.md" || path.startsWith("card/"));
    const copies = copy === undefined ? [] : besideCopy(await copyCard(folder, resolve(cwd, copy)));
    const text = [...files.map((path) => join(name, path)), ...copies].map((path) => `wrote ${path}`);
    return { text: text.join("\n"), json: { folder: name, files, copies }, next: `forge verify ${name}` };
  },
};
