/**
 * Checkpoints: a folder in Hugging Face layout plus what the trainer needs to go on exactly where it stopped.
 *
 * ```
 * <run>/checkpoints/step-000200/{model.safetensors, config.json, generation_config.json, tokenizer*.json,
 *                                trainer/{optimizer.safetensors, state.json}}
 * <run>/checkpoints/latest.json
 * ```
 *
 * A checkpoint is written under a temporary name and renamed; `latest.json` follows, so it always names a whole one.
 */
import { cp, mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  DataError,
  exists,
  formatJson,
  readJsonIfThere,
  temporaryName,
  wrapFileError,
  writeFileAtomic,
} from "../../forge/base/index.ts";
import { chatTemplate, specialTokens } from "../../schemas/record/chat.ts";
import type { Tensors, TrainingState } from "../backends/backend.ts";
import { countOf, describeGpt2, gpt2Config, gpt2ConfigSchema, gpt2SizesOf } from "../model/gpt2.ts";
import type { ModelSpec } from "../model/spec.ts";
import { readSafetensors, writeSafetensors, type SafeTensor } from "./safetensors.ts";

/** `trainer/state.json`. */
export const runStateSchema = z.strictObject({
  version: z.literal(1),
  /** Optimizer steps done. Data position and learning rate follow from it. */
  step: z.int().nonnegative(),
  /** Steps of the whole run. */
  steps: z.int().positive(),
  /** Tokens the model has seen in this run, padding included. */
  tokens: z.int().nonnegative(),
  /** Everything that the result depends on, by name; a resume under another recipe is refused. */
  recipe: z.record(z.string(), z.json()),
  /** Backend and kernels that made it, for people. */
  backend: z.string(),
  trainLoss: z.number().nullable(),
  validationLoss: z.number().nullable(),
  tokenizerSha256: z.string(),
});
export type RunState = z.infer<typeof runStateSchema>;

export interface CheckpointContent {
  readonly model: ModelSpec;
  readonly state: Required<TrainingState>;
  readonly run: RunState;
  /** Folder with tokenizer.json (and perhaps tokenizer_config.json); copied. */
  readonly tokenizerFolder: string | undefined;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Ends an answer; null for a tokenizer without chat marks. */
  readonly endId: number | null;
}

export interface Checkpoint {
  readonly folder: string;
  readonly model: ModelSpec;
  readonly parameters: Tensors;
  readonly bosId: number | null;
  readonly eosId: number | null;
  /** Absent for a checkpoint that another program wrote. */
  readonly run: RunState | undefined;
  /** Reads the optimizer's moments. */
  optimizer(): Promise<{ readonly firstMoments: Tensors; readonly secondMoments: Tensors }>;
}

const latestSchema = z.strictObject({ checkpoint: z.string().regex(/^step-\d+$/) });

/** Writes a checkpoint and points `latest.json` at it; returns its folder. */
export async function writeCheckpoint(runFolder: string, content: CheckpointContent): Promise<string> {
  const { model, state, run } = content;
  const name = `step-${String(run.step).padStart(6, "0")}`;
  const folder = join(runFolder, "checkpoints", name);
  const draft = temporaryName(folder);
  try {
    await mkdir(join(draft, "trainer"), { recursive: true });
    await writeSafetensors(join(draft, "model.safetensors"), tensorsOf(model, state.parameters), { format: "pt" });
    await writeSafetensors(join(draft, "trainer", "optimizer.safetensors"), [
      ...tensorsOf(model, state.firstMoments, "first."),
      ...tensorsOf(model, state.secondMoments, "second."),
    ]);
    const ids = { bos: content.bosId, eos: content.eosId };
    await writeFileAtomic(join(draft, "config.json"), formatJson(gpt2Config(model.sizes, ids)));
    await writeFileAtomic(join(draft, "generation_config.json"), formatJson(generationConfig(content)));
    if (content.tokenizerFolder !== undefined) await copyTokenizer(content.tokenizerFolder, draft, model.sizes.context);
    await writeFileAtomic(join(draft, "trainer", "state.json"), formatJson(runStateSchema.parse(run)));
    // The same step again (a crash before latest.json was written): the new one is equal, so it may replace it.
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw wrapFileError(error, folder);
  }
  await writeFileAtomic(join(runFolder, "checkpoints", "latest.json"), formatJson({ checkpoint: name }));
  return folder;
}

/** Removes all but the newest `keep` checkpoints and the drafts of dead attempts. Only the lock's holder may call it. */
export async function pruneCheckpoints(runFolder: string, keep: number): Promise<void> {
  const parent = join(runFolder, "checkpoints");
  const names = await readdir(parent).catch(() => []);
  const whole = names.filter((name) => /^step-\d+$/.test(name)).sort();
  const old = whole.slice(0, Math.max(0, whole.length - keep));
  const drafts = names.filter((name) => name.includes(".tmp-"));
  for (const name of [...old, ...drafts]) await rm(join(parent, name), { recursive: true, force: true });
}

/**
 * The checkpoint folder that a path means: a checkpoint itself, or the latest one of a run.
 *
 * @throws DataError `checkpoint-missing`
 */
export async function findCheckpoint(path: string): Promise<string> {
  if (await exists(join(path, "config.json"))) return path;
  const latest = await latestCheckpoint(path);
  if (latest !== undefined) return latest;
  throw new DataError(
    "checkpoint-missing",
    `${path} holds no checkpoint`,
    { file: path },
    {
      hint: "Name a folder with config.json and model.safetensors, or the output folder of `trainer run`.",
    },
  );
}

/** The latest checkpoint of a run, or undefined when it has none yet. */
export async function latestCheckpoint(runFolder: string): Promise<string | undefined> {
  const found = latestSchema.safeParse(await readJsonIfThere(join(runFolder, "checkpoints", "latest.json")));
  return found.success ? join(runFolder, "checkpoints", found.data.checkpoint) : undefined;
}

/**
 * Reads and validates a checkpoint, also one that transformers wrote (tensor names with or without `transformer.`).
 *
 * @throws DataError `config-unsupported`, `state-invalid`, `tensor-missing`, `tensor-shape`, `safetensors-invalid`
 */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const configPath = join(folder, "config.json");
  const config = gpt2ConfigSchema.safeParse(await readJsonIfThere(configPath));
  if (!config.success) {
    const reason = config.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    throw new DataError("config-unsupported", `${configPath} is not a GPT-2 that can be trained here: ${reason}`, {
      file: configPath,
    });
  }
  const model = describeGpt2(gpt2SizesOf(config.data));
  const path = join(folder, "model.safetensors");
  const { tensors } = await readSafetensors(path);
  const statePath = join(folder, "trainer", "state.json");
  const stateJson = await readJsonIfThere(statePath);
  const state = stateJson === undefined ? undefined : runStateSchema.safeParse(stateJson);
  if (state?.success === false) {
    const reason = state.error.issues.map((issue) => issue.path.join(".")).join(", ");
    throw new DataError(
      "state-invalid",
      `${statePath} is no state of a run: wrong or missing ${reason}`,
      { file: statePath },
      { hint: "Go on from another checkpoint, or start over with --force." },
    );
  }
  return {
    folder,
    model,
    parameters: pickTensors(path, model, tensors),
    bosId: config.data.bos_token_id ?? null,
    eosId: config.data.eos_token_id ?? null,
    run: state?.data,
    async optimizer() {
      const optimizerPath = join(folder, "trainer", "optimizer.safetensors");
      const file = await readSafetensors(optimizerPath);
      return {
        firstMoments: pickTensors(optimizerPath, model, file.tensors, "first."),
        secondMoments: pickTensors(optimizerPath, model, file.tensors, "second."),
      };
    },
  };
}

function tensorsOf(model: ModelSpec, values: Tensors, prefix = ""): SafeTensor[] {
  return model.tensors.map(({ name, shape }) => ({
    name: prefix + name,
    shape,
    values: values.get(name) as Float32Array,
  }));
}

function pickTensors(
  path: string,
  model: ModelSpec,
  tensors: ReadonlyMap<string, SafeTensor>,
  prefix = "",
): ReadonlyMap<string, Float32Array> {
  const picked = new Map<string, Float32Array>();
  for (const { name, shape } of model.tensors) {
    const tensor = tensors.get(prefix + name) ?? tensors.get(prefix + name.replace(/^transformer\./, ""));
    if (tensor === undefined) throw new DataError("tensor-missing", `${path} lacks ${prefix}${name}`, { file: path });
    if (tensor.shape.join() !== shape.join() || tensor.values.length !== countOf(shape)) {
      throw new DataError(
        "tensor-shape",
        `${path}: ${prefix}${name} is [${tensor.shape.join(", ")}], expected [${shape.join(", ")}]`,
        { file: path },
      );
    }
    picked.set(name, tensor.values);
  }
  return picked;
}

function generationConfig(content: CheckpointContent): object {
  const stops = [content.endId, content.eosId].filter((id) => id !== null);
  return { bos_token_id: content.bosId, eos_token_id: stops.length === 1 ? stops[0] : stops, do_sample: false };
}

async function copyTokenizer(from: string, to: string, context: number): Promise<void> {
  for (const name of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]) {
    const source = join(from, name);
    if (await exists(source)) await cp(source, join(to, name));
  }
  if (await exists(join(to, "tokenizer_config.json"))) return;
  const text = await readFile(join(to, "tokenizer.json"), "utf8");
  const chat = text.includes(JSON.stringify(specialTokens.assistant));
  const config = {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: context,
    add_bos_token: false,
    ...(text.includes(JSON.stringify(specialTokens.endOfText)) ? { eos_token: specialTokens.endOfText } : {}),
    ...(text.includes(JSON.stringify(specialTokens.pad)) ? { pad_token: specialTokens.pad } : {}),
    ...(chat ? { chat_template: chatTemplate } : {}),
  };
  await writeFileAtomic(join(to, "tokenizer_config.json"), formatJson(config));
}
