/** `forge verify`: does an output hold what its manifest says? */
import { join } from "node:path";
import { exists, GateError } from "../base/index.ts";
import type { CommandSpec } from "../console/command.ts";
import { verifyOutput } from "../shard/index.ts";
import { loadTokenizer } from "../tokenize/index.ts";
import { outputFolder } from "./folder.ts";

export const spec: CommandSpec = {
  name: "verify",
  summary: "Check an output: hashes, counts, conservation, tokenizer",
  description: "Reads every file. Ends with exit code 5 and names each problem when something is off.",
  examples: ["forge verify shards/quickstart", "forge verify shards/quickstart --sample 1000"],
  argument: { name: "DIR", description: "Output folder", required: true },
  options: [
    { name: "sample", value: "N", description: "Documents whose tokens are decoded and compared", defaultText: "64" },
  ],
  async run({ argument, flags, cwd, signal, reporter }) {
    const { folder, name } = await outputFolder({ argument, cwd });
    const tokenizerPath = join(folder, "tokenizer", "tokenizer.json");
    const tokenizer = (await exists(tokenizerPath)) ? await loadTokenizer(tokenizerPath) : undefined;
    const sample = flags.integer("sample", 0);
    const report = await verifyOutput(folder, {
      ...(tokenizer === undefined ? {} : { decode: (ids) => tokenizer.decode(ids) }),
      ...(sample === undefined ? {} : { sample }),
      signal,
      reporter,
    });
    const { files, documents, tokens, roundTrips, problems } = report;
    if (problems.length > 0) {
      const listed = problems.map(({ file, message }) => (file === undefined ? message : `${file} ${message}`));
      throw new GateError("verification-failed", `${name} is not what its manifest says: ${listed.join("; ")}`, {
        hint: "Remove the damaged files and run the command that made them again: it redoes only those.",
        details: { ...report },
      });
    }
    const text = `${name} is whole: ${files} files, ${documents} documents, ${tokens} tokens, ${roundTrips} decoded and compared`;
    return { text, json: report };
  },
};
