/**
 * The exported files against the reference implementations: gguf-py reads them and agrees on every tensor, transformers
 * goes on with the same greedy tokens as llama.cpp. Run in CI with `.venv`.
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { shippedPath } from "../../../forge/base/index.ts";
import { loadLlama } from "../../../forge/llama/index.ts";
import { runExport } from "../../../trainer/export/index.ts";
import { tinyTokenizerJson, tinyWeights, writeTinyCheckpoint, type TinyConfig } from "../../export/tiny-gpt2.ts";

const python = process.env["FORGE_PYTHON"] ?? shippedPath(".venv", "bin", "python");
const missing = !existsSync(python);

async function runPython(script: string, ...args: readonly string[]): Promise<unknown> {
  const { stdout } = await promisify(execFile)(python, ["-c", script, ...args], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\nRESULT ") + 8)) as unknown;
}

const config: TinyConfig = { width: 64, layers: 2, heads: 4, context: 128, vocabulary: 256 + 6 + 60 };

/** Reads a GGUF with gguf-py, rebuilds each tensor from the checkpoint with gguf-py's own quantiser, compares bytes. */
const compareTensors = `
import sys, json, numpy as np, gguf
from safetensors.numpy import load_file
reader = gguf.GGUFReader(sys.argv[1])
source = load_file(sys.argv[2])
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GPT2, 2)
expected = {}
for name, data in source.items():
    base = name.removeprefix("transformer.")
    target = names.get_name(name.removesuffix(".weight").removesuffix(".bias")) or names.get_name(base.removesuffix(".weight").removesuffix(".bias"))
    if any(part in base for part in ("c_attn.weight", "c_proj.weight", "c_fc.weight")): data = np.ascontiguousarray(data.T)
    expected[target + (".weight" if base.endswith(".weight") else ".bias")] = data
different = []
for tensor in reader.tensors:
    data = expected.pop(tensor.name)
    if list(tensor.shape[::-1]) != list(data.shape): different.append(tensor.name)
    elif gguf.quants.quantize(data, tensor.tensor_type).tobytes() != tensor.data.tobytes(): different.append(tensor.name)
fields = {key: (field.contents() if hasattr(field, "contents") else None) for key, field in reader.fields.items() if not key.startswith("GGUF")}
print("\\nRESULT " + json.dumps({"different": different, "missing": sorted(expected), "fields": fields}))
`;

const greedy = `
import sys, json, torch
from transformers import GPT2LMHeadModel, AutoTokenizer, PreTrainedTokenizerFast
torch.set_num_threads(1)
model = GPT2LMHeadModel.from_pretrained(sys.argv[1]).eval()
tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1] + "/tokenizer.json")
prompts = json.loads(sys.argv[2])
result = []
for prompt in prompts:
    ids = tokenizer.encode(prompt)
    tokens, gaps = list(ids), []
    with torch.no_grad():
        for _ in range(40):
            top = model(torch.tensor([tokens])).logits[0, -1].topk(2)
            gaps.append(float(top.values[0] - top.values[1]))
            tokens.append(int(top.indices[0]))
    result.append({"ids": ids, "tokens": tokens[len(ids):], "gaps": gaps})
print("\\nRESULT " + json.dumps(result))
`;

describe.skipIf(missing)("exports against gguf-py and transformers (skipped without Python: npm run oracles)", () => {
  let folder: string;
  let checkpoint: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-oracle-export-"));
    checkpoint = join(folder, "checkpoint");
    await writeTinyCheckpoint(checkpoint, config, tinyWeights(config, 5), tinyTokenizerJson(60));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(["f32", "f16", "q8_0"] as const)("gguf-py finds the very bytes it would write itself (%s)", async (type) => {
    const { model } = await runExport({ checkpoint, out: join(folder, type), format: "gguf", type, verify: false });
    const result = (await runPython(compareTensors, model, join(checkpoint, "model.safetensors"))) as {
      different: string[];
      missing: string[];
      fields: Record<string, unknown>;
    };
    expect(result.different).toEqual([]);
    expect(result.missing).toEqual([]);
    expect(result.fields).toMatchObject({
      "general.architecture": "gpt2",
      "gpt2.context_length": 128,
      "gpt2.feed_forward_length": 256,
      "tokenizer.ggml.add_bos_token": false,
      "tokenizer.ggml.eos_token_id": 256,
    });
  });

  it("llama.cpp goes on as transformers does, until two tokens are all but equal", async () => {
    const prompts = ["the licence of", "a function returns", "Ünïcödé wörds", "12345 "];
    const results = (await runPython(greedy, checkpoint, JSON.stringify(prompts))) as {
      ids: number[];
      tokens: number[];
      gaps: number[];
    }[];
    const out = join(folder, "greedy");
    const { model: path } = await runExport({ checkpoint, out, format: "gguf", type: "f32", verify: false });
    await using model = await loadLlama(path, { cache: "f32" });
    for (const [i, { ids, tokens, gaps }] of results.entries()) {
      expect([...model.tokenize(prompts[i]!)]).toEqual(ids);
      const generated = await model.generate(ids, { maxTokens: 40 });
      const parting = generated.tokens.findIndex((token, step) => token !== tokens[step]);
      if (parting !== -1) expect(gaps[parting]).toBeLessThan(0.005);
    }
  });
});
