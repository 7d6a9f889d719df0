/**
 * Exports a checkpoint to what devices run: GGUF with an Ollama Modelfile, or the Hugging Face files.
 *
 * The plan says what will be written and writes nothing; the export writes, verifies, and only then gives the model its
 * final name. `export.json`, written last, says what was exported and how it was proved.
 */
import { readFile, rename } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  DataError,
  digestFile,
  exists,
  formatJson,
  readJsonIfThere,
  silentReporter,
  wrapFileError,
  writeFileAtomic,
  type FileDigest,
  type Reporter,
} from "../../forge/base/index.ts";
import { openInProcess } from "../chat/index.ts";
import { findCheckpoint, readCheckpoint } from "../checkpoint/index.ts";
import { tensorBytes, writeGguf, type GgufMetadata, type GgufTensor, type TensorTypeName } from "./gguf/index.ts";
import { gpt2Metadata, gpt2Tensors } from "./gpt2.ts";
import { formatModelfile } from "./modelfile.ts";
import { hasChatMarks, readExportTokenizer, tokenizerMetadata } from "./tokenizer.ts";
import { verifyExport, type VerifyReport } from "./verify.ts";

export const exportFormats = ["gguf", "safetensors"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportOptions {
  /** A checkpoint folder, or a run's folder: then its latest checkpoint. */
  readonly checkpoint: string;
  readonly out: string;
  readonly format: ExportFormat;
  /** Type of the matrices in a GGUF. */
  readonly type: TensorTypeName;
}

/** What an export will write. */
export interface ExportPlan {
  readonly checkpoint: string;
  readonly out: string;
  readonly format: ExportFormat;
  readonly type: TensorTypeName | null;
  readonly files: readonly string[];
  /** Weights alone, without headers. */
  readonly weightBytes: number;
}

export interface ExportResult extends ExportPlan {
  /** The model file. */
  readonly model: string;
  readonly digest: FileDigest;
  /** Null when verification was switched off, or for safetensors, which are copied byte for byte. */
  readonly verification: VerifyReport | null;
}

export interface RunExportOptions extends ExportOptions {
  /** @default true */
  readonly verify?: boolean;
  readonly reporter?: Reporter;
  readonly signal?: AbortSignal;
}

/** Progress is told each so many bytes: a tiny model needs none. */
const bytesPerReport = 16e6;

const checkpointFiles = [
  "model.safetensors",
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
];

/**
 * What `runExport` would write.
 *
 * @throws DataError what is missing or wrong in the checkpoint
 */
export async function planExport(options: ExportOptions): Promise<ExportPlan> {
  const { plan } = await prepare(options);
  return plan;
}

/**
 * Exports and, unless told otherwise, verifies.
 *
 * A GGUF that fails verification stays as `model.unverified.gguf`, for study; `model.gguf` never fails.
 *
 * @throws GateError when llama.cpp and the checkpoint disagree
 * @throws EnvironmentError `llama-missing` when verification is wanted and llama.cpp is not installed
 */
export async function runExport(options: RunExportOptions): Promise<ExportResult> {
  const { out, signal, verify = true, reporter = silentReporter } = options;
  const { plan, gguf } = await prepare(options);
  const finish = async (
    model: string,
    digest: FileDigest,
    verification: VerifyReport | null,
  ): Promise<ExportResult> => {
    const result = { ...plan, model, digest, verification };
    // Paths as seen from the folder, so that it can be moved and two exports can be compared.
    const record = { ...result, checkpoint: basename(plan.checkpoint), out: ".", model: basename(model) };
    await writeFileAtomic(join(out, "export.json"), formatJson(record));
    return result;
  };
  if (gguf === undefined) {
    for (const name of plan.files) {
      signal?.throwIfAborted();
      if (name !== "export.json") await writeFileAtomic(join(out, name), await readFile(join(plan.checkpoint, name)));
    }
    const model = join(out, "model.safetensors");
    return await finish(model, await digestFile(model), null);
  }
  const model = join(out, "model.gguf");
  const draft = join(out, "model.unverified.gguf");
  let reported = 0;
  const digest = await writeGguf(draft, gguf.metadata, gguf.tensors, {
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done) => {
      if (done - reported < bytesPerReport) return;
      reported = done;
      const total = plan.weightBytes;
      reporter({ type: "stage-progress", stage: "export", done: Math.min(done, total), total, unit: "bytes" });
    },
  });
  let verification: VerifyReport | null = null;
  if (verify) {
    await using reference = await openInProcess(plan.checkpoint);
    verification = await verifyExport(draft, reference, {
      type: options.type,
      ...(signal === undefined ? {} : { signal }),
    });
    for (const { prompt, step, gap } of verification.nearTies) {
      const message = `two tokens are all but equal (gap ${gap.toFixed(4)}) after ${step} equal ones on ${JSON.stringify(prompt)}`;
      reporter({ type: "note", message });
    }
  }
  await rename(draft, model).catch((error: unknown) => {
    throw wrapFileError(error, model);
  });
  await writeFileAtomic(join(out, "Modelfile"), gguf.modelfile);
  return await finish(model, digest, verification);
}

interface Prepared {
  readonly plan: ExportPlan;
  readonly gguf?: {
    readonly metadata: GgufMetadata;
    readonly tensors: readonly GgufTensor[];
    readonly modelfile: string;
  };
}

async function prepare({ checkpoint: path, out, format, type }: ExportOptions): Promise<Prepared> {
  const folder = await findCheckpoint(path);
  if (resolve(folder) === resolve(out)) {
    throw new DataError(
      "export-into-checkpoint",
      `${out} is the checkpoint itself`,
      { file: out },
      {
        hint: "Name another folder with --out.",
      },
    );
  }
  const checkpoint = await readCheckpoint(folder);
  const common = { checkpoint: folder, out, format };
  if (format === "safetensors") {
    const files: string[] = [];
    for (const name of checkpointFiles) if (await exists(join(folder, name))) files.push(name);
    const weightBytes = [...checkpoint.parameters.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { plan: { ...common, type: null, files: [...files, "export.json"], weightBytes } };
  }
  const tokenizer = await readExportTokenizer(join(folder, "tokenizer.json"));
  const tensors = gpt2Tensors(checkpoint.model.sizes, checkpoint.parameters, tokenizer.tokens.length, type);
  const metadata = [
    ...gpt2Metadata(checkpoint.model.sizes, modelName(folder), type),
    ...tokenizerMetadata(tokenizer, {
      bosId: checkpoint.bosId ?? undefined,
      eosId: checkpoint.eosId ?? undefined,
      chatTemplate: await storedChatTemplate(folder),
    }),
  ];
  const weightBytes = tensors.reduce((sum, tensor) => sum + tensorBytes(tensor), 0);
  const modelfile = formatModelfile({
    model: "model.gguf",
    contextLength: checkpoint.model.sizes.context,
    chat: hasChatMarks(tokenizer),
  });
  const plan = { ...common, type, files: ["model.gguf", "Modelfile", "export.json"], weightBytes };
  return { plan, gguf: { metadata, tensors, modelfile } };
}

/** `<run>/checkpoints/step-N` is called after its run, any other folder after itself. */
function modelName(folder: string): string {
  const parent = dirname(resolve(folder));
  return basename(parent) === "checkpoints" ? basename(dirname(parent)) : basename(resolve(folder));
}

async function storedChatTemplate(folder: string): Promise<string | undefined> {
  const path = join(folder, "tokenizer_config.json");
  try {
    const config = (await readJsonIfThere(path)) as { readonly chat_template?: unknown } | undefined;
    return typeof config?.chat_template === "string" ? config.chat_template : undefined;
  } catch (error) {
    throw new DataError("tokenizer-config-unreadable", `${path} is not JSON`, { file: path }, { cause: error });
  }
}
