/** A checkpoint to GGUF and back to speech: llama.cpp against this process and against the plainest forward pass. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DataError, GateError } from "../../forge/base/errors.ts";
import { llamaProbe, loadLlama } from "../../forge/llama/index.ts";
import { chatTemplate } from "../../schemas/record/chat.ts";
import { openInProcess, openTalker } from "../../trainer/chat/index.ts";
import { hardTexts, nearTieGap, openGguf, planExport, runExport, verifyExport } from "../../trainer/export/index.ts";
import { tinyLogits, tinyTokenizerJson, tinyWeights, writeTinyCheckpoint, type TinyConfig } from "./tiny-gpt2.ts";

const merges = 60;
const config: TinyConfig = { width: 32, layers: 2, heads: 2, context: 64, vocabulary: 256 + 6 + merges };
const weights = tinyWeights(config, 1);
const signal = new AbortController().signal;
const llama = await llamaProbe().look(signal);
const needsLlama = llama.status === "ok" ? "" : ` (skipped: ${llama.detail})`;

let folder: string;
let checkpoint: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-export-"));
  checkpoint = join(folder, "checkpoint");
  await writeTinyCheckpoint(checkpoint, config, weights, tinyTokenizerJson(merges));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const gguf = (name: string, type: "f32" | "f16" | "q8_0" = "f32") =>
  ({ checkpoint, out: join(folder, name), format: "gguf", type }) as const;

describe("export", () => {
  it("writes the tensors of GPT-2 transposed, renamed and without the tied head", async () => {
    const { model } = await runExport({ ...gguf("mapped"), verify: false });
    await using file = await openGguf(model);
    expect([...file.tensors.keys()].filter((name) => !name.startsWith("blk.1."))).toEqual([
      "token_embd.weight",
      "position_embd.weight",
      ...["attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down"].flatMap((name) => [
        `blk.0.${name}.weight`,
        `blk.0.${name}.bias`,
      ]),
      "output_norm.weight",
      "output_norm.bias",
    ]);
    const source = weights.get("transformer.h.1.mlp.c_fc.weight")!.data;
    const up = await file.readWeights("blk.1.ffn_up.weight");
    expect(file.tensors.get("blk.1.ffn_up.weight")?.shape).toEqual([128, 32]);
    for (const [input, output] of [
      [0, 0],
      [31, 127],
      [5, 99],
    ] as const) {
      expect(up[output * 32 + input]).toBe(source[input * 128 + output]);
    }
    expect(await file.readWeights("token_embd.weight")).toEqual(weights.get("transformer.wte.weight")!.data);
  });

  it("writes the tokenizer with control tokens, merges, ids of special tokens and the chat template", async () => {
    const { model } = await runExport({ ...gguf("tokenizer"), verify: false });
    await using file = await openGguf(model);
    const tokens = file.metadata.get("tokenizer.ggml.tokens") as string[];
    const types = file.metadata.get("tokenizer.ggml.token_type") as number[];
    expect(tokens).toHaveLength(config.vocabulary);
    expect(tokens[0x20]).toBe("Ġ");
    expect(tokens.flatMap((token, id) => (types[id] === 3 ? [token] : []))).toEqual([
      "<|endoftext|>",
      "<|pad|>",
      "<|system|>",
      "<|user|>",
      "<|assistant|>",
      "<|end|>",
    ]);
    expect(file.metadata.get("tokenizer.ggml.merges")).toHaveLength(merges);
    expect(file.metadata.get("tokenizer.ggml.pre")).toBe("gpt-2");
    expect(file.metadata.get("tokenizer.ggml.eos_token_id")).toBe(256);
    expect(file.metadata.get("tokenizer.ggml.eot_token_id")).toBe(261);
    expect(file.metadata.get("tokenizer.ggml.add_bos_token")).toBe(false);
    expect(file.metadata.get("tokenizer.chat_template")).toBe(chatTemplate);
  });

  it("keeps vectors and positions in F32 whatever the type", async () => {
    const { model } = await runExport({ ...gguf("types", "q8_0"), verify: false });
    await using file = await openGguf(model);
    for (const { name, type, shape } of file.tensors.values()) {
      expect([name, type]).toEqual([name, shape.length === 1 || name === "position_embd.weight" ? "f32" : "q8_0"]);
    }
    expect(file.metadata.get("general.file_type")).toBe(7);
  });

  it("cuts an embedding that was padded for speed back to the tokenizer's size", async () => {
    const padded = { ...config, vocabulary: config.vocabulary + 14 };
    const path = join(folder, "padded");
    await writeTinyCheckpoint(path, padded, tinyWeights(padded, 2), tinyTokenizerJson(merges));
    const { model } = await runExport({ ...gguf("padded-out"), checkpoint: path, verify: false });
    await using file = await openGguf(model);
    expect(file.tensors.get("token_embd.weight")?.shape).toEqual([config.vocabulary, config.width]);
  });

  it("refuses a tokenizer with more tokens than the model has embeddings", async () => {
    const path = join(folder, "mismatch");
    await writeTinyCheckpoint(path, config, weights, tinyTokenizerJson(merges + 5));
    await expect(planExport({ ...gguf("x"), checkpoint: path })).rejects.toMatchObject({
      code: "checkpoint-vocabulary",
    });
  });

  it("refuses a tokenizer that llama.cpp would read otherwise, and says why", async () => {
    const path = join(folder, "normalised");
    await writeTinyCheckpoint(path, config, weights, { ...tinyTokenizerJson(merges), normalizer: { type: "NFC" } });
    await expect(planExport({ ...gguf("x"), checkpoint: path })).rejects.toMatchObject({
      code: "tokenizer-unsupported",
      message: expect.stringContaining("normalises"),
    });
  });

  it("refuses a truncated model.safetensors by name", async () => {
    const path = join(folder, "truncated");
    await writeTinyCheckpoint(path, config, weights, tinyTokenizerJson(merges));
    const file = join(path, "model.safetensors");
    const whole = await readFile(file);
    for (const length of [0, 5, 100, whole.length - 4]) {
      await writeFile(file, whole.subarray(0, length));
      const attempt = planExport({ ...gguf("x"), checkpoint: path });
      await expect(attempt).rejects.toThrow(DataError);
      await expect(attempt).rejects.toThrow("model.safetensors");
    }
  });

  it("copies the Hugging Face files unchanged under --format safetensors", async () => {
    const result = await runExport({ ...gguf("copy"), format: "safetensors" });
    for (const name of ["model.safetensors", "config.json", "tokenizer.json"]) {
      expect(await readFile(join(result.out, name))).toEqual(await readFile(join(checkpoint, name)));
    }
  });

  it("writes an Ollama Modelfile with the chat format, its stops and the context", async () => {
    await runExport({ ...gguf("modelfile"), verify: false });
    expect(await readFile(join(folder, "modelfile", "Modelfile"), "utf8")).toMatchInlineSnapshot(`
      "FROM ./model.gguf
      TEMPLATE """{{- range .Messages }}{{- if not (and (eq .Role "system") (eq .Content "")) }}<|{{ .Role }}|>{{ .Content }}<|end|>{{- end }}{{- end }}<|assistant|>"""
      PARAMETER stop "<|end|>"
      PARAMETER stop "<|endoftext|>"
      PARAMETER num_ctx 64
      "
    `);
  });
});

describe.skipIf(llama.status !== "ok")(`exported models in llama.cpp${needsLlama}`, () => {
  it.each(["f32", "f16"] as const)("go on with the same greedy tokens as the checkpoint (%s)", async (type) => {
    const { verification } = await runExport(gguf(`verified-${type}`, type));
    expect(verification).toMatchObject({ method: "greedy", prompts: 4 });
    expect(verification!.texts).toBeGreaterThan(hardTexts.length);
    for (const { gap } of verification!.nearTies) expect(gap).toBeLessThan(nearTieGap);
    if (verification!.nearTies.length === 0) expect(verification!.steps).toBe(4 * 32);
  });

  it("diverge by less than the limit when quantised to Q8_0", async () => {
    const { verification } = await runExport(gguf("verified-q8", "q8_0"));
    expect(verification!.meanDivergence).toBeGreaterThan(0);
    expect(verification!.meanDivergence).toBeLessThan(0.02);
  });

  it("give the probabilities of the plainest forward pass", async () => {
    const { model: path } = await runExport({ ...gguf("probabilities"), verify: false });
    await using model = await loadLlama(path, { cache: "f32" });
    const ids = [...model.tokenize("the licence of the software")];
    const logits = tinyLogits(config, weights, ids);
    const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0));
    const logProbs = await model.nextTokenLogProbs(ids);
    for (const [id, logit] of logits.entries()) expect(Math.abs(logProbs[id]! - (logit - total))).toBeLessThan(0.01);
  });

  it("are refused by verification when a single matrix was not transposed", async () => {
    const spoiled = new Map(weights);
    const name = "transformer.h.0.attn.c_proj.weight";
    const { shape, data } = weights.get(name)!;
    spoiled.set(name, { shape, data: data.map((_, i) => data[(i % 32) * 32 + Math.floor(i / 32)]!) });
    const path = join(folder, "spoiled");
    await writeTinyCheckpoint(path, config, spoiled, tinyTokenizerJson(merges));
    const { model } = await runExport({ ...gguf("spoiled-out"), checkpoint: path, verify: false });
    await using reference = await openInProcess(checkpoint);
    await expect(verifyExport(model, reference, { type: "f32" })).rejects.toThrow(GateError);
    await expect(verifyExport(model, reference, { type: "f32" })).rejects.toMatchObject({
      code: "export-text-differs",
    });
  });

  it("are refused by verification when the tokenizer lost a merge", async () => {
    const path = join(folder, "lost-merge");
    const tokenizer = tinyTokenizerJson(merges) as { model: { merges: unknown[] } };
    tokenizer.model.merges.splice(0, 1);
    await writeTinyCheckpoint(path, config, weights, tokenizer);
    const { model } = await runExport({ ...gguf("lost-merge-out"), checkpoint: path, verify: false });
    await using reference = await openInProcess(checkpoint);
    await expect(verifyExport(model, reference, { type: "f32", prompts: ["the licence"] })).rejects.toMatchObject({
      code: "export-tokens-differ",
    });
  });

  it("use one thread for a small model and keep special tokens out of plain text", async () => {
    const { model: path } = await runExport({ ...gguf("plain"), verify: false });
    await using model = await loadLlama(path);
    expect(model.threads).toBe(1);
    expect([...model.tokenize("<|end|>", { special: true })]).toEqual([261]);
    expect([...model.tokenize("<|end|>")]).not.toContain(261);
    expect(model.specialToken("<|user|>")).toBe(259);
    expect(model.specialToken("user")).toBeUndefined();
    expect([model.isEnd(256), model.isEnd(261), model.isEnd(65)]).toEqual([true, true, false]);
  });

  it("answer the same through llama.cpp and in process, streamed whole", async () => {
    const { model: path } = await runExport({ ...gguf("talk"), verify: false });
    const options = { maxTokens: 24, temperature: 0, seed: 0 };
    const answers: string[] = [];
    for (const source of [path, checkpoint]) {
      await using talker = await openTalker(source);
      expect(talker.chats).toBe(true);
      let streamed = "";
      const { text } = await talker.answer("the caller reads", { ...options, onText: (part) => (streamed += part) });
      expect(streamed).toBe(text);
      answers.push(text.replace(/<\|\w+\|>/g, ""));
    }
    expect(answers[0]).toBe(answers[1]);
  });

  it("of a damaged file are refused with a clear error", async () => {
    const path = join(folder, "damaged.gguf");
    await writeFile(path, "GGUF, but not really");
    await expect(loadLlama(path)).rejects.toMatchObject({ code: "gguf-unloadable" });
    const { model } = await runExport({ ...gguf("cut"), verify: false });
    const whole = await readFile(model);
    for (const length of [8, 3000, whole.length - 4000]) {
      await writeFile(path, whole.subarray(0, length));
      await expect(loadLlama(path)).rejects.toMatchObject({ code: "gguf-unloadable" });
    }
    await expect(loadLlama(join(folder, "absent.gguf"))).rejects.toMatchObject({ code: "file-not-found" });
  });

  it("stop when the signal says so", async () => {
    const { model: path } = await runExport({ ...gguf("abort"), verify: false });
    await using model = await loadLlama(path);
    const controller = new AbortController();
    const running = model.generate(model.tokenize("the"), {
      signal: controller.signal,
      onToken: () => controller.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow("enough");
  });
});
