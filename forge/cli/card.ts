/** `forge card`: writes the dataset card of a finished corpus again. */
import { join, resolve } from "node:path";
import { standardOptions, type CommandSpec } from "../console/command.ts";
import { UsageError } from "../base/index.ts";
import { previewCard, refreshCard } from "../pipeline/index.ts";

export const spec: CommandSpec = {
  name: "card",
  summary: "Write the dataset card of an output",
  description: "README.md for the Hugging Face hub, with plots, from the figures of manifest.json.",
  examples: ["forge card shards/quickstart"],
  argument: { name: "DIR", description: "Output folder of build-corpus", required: true },
  options: [standardOptions.dryRun],
  async run({ argument, flags, cwd }) {
    if (argument === undefined) throw new UsageError("folder-missing", "Name the output folder");
    if (flags.on("dry-run")) {
      const files = (await previewCard(resolve(cwd, argument))).map(({ path }) => path);
      const text = files.map((path) => `would write ${join(argument, path)}`).join("\n");
      return { text, json: { folder: argument, files, dryRun: true }, next: `forge card ${argument}` };
    }
    const manifest = await refreshCard(resolve(cwd, argument));
    const files = manifest.files
      .map((file) => file.path)
      .filter((path) => path === "README.md" || path.startsWith("card/"));
    const text = files.map((path) => `wrote ${join(argument, path)}`).join("\n");
    return { text, json: { folder: argument, files }, next: `forge verify ${argument}` };
  },
};
