/** The command table of `trainer`. Each command's module is loaded only when it runs. */
import type { ProgramSpec } from "../../forge/console/program.ts";
import { version } from "../../forge/base/version.ts";

export const trainerProgram: ProgramSpec = {
  name: "trainer",
  summary: "Trains small language models on forge's shards and exports them to devices.",
  version,
  examples: [
    "trainer run docs/recipes/quickstart-pretrain.yaml",
    "trainer export runs/quickstart/finetune --out runs/quickstart/export",
    "trainer chat runs/quickstart/export/model.gguf --prompt 'What is a licence?'",
  ],
  commands: [
    {
      name: "run",
      summary: "Pretrain, continue or fine-tune a model; resumes where it stopped",
      load: async () => (await import("./run.ts")).spec,
    },
    {
      name: "export",
      summary: "Export a checkpoint as GGUF or safetensors and prove it equal",
      load: async () => (await import("./export.ts")).spec,
    },
    {
      name: "chat",
      summary: "Talk to a model",
      load: async () => (await import("./chat.ts")).spec,
    },
    {
      name: "doctor",
      summary: "Tell which training backends this machine has",
      load: async () => (await import("./doctor.ts")).spec,
    },
  ],
};
