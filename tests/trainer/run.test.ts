import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeEvent } from "../../forge/base/index.ts";
import { spec } from "../../trainer/cli/run.ts";
import { createFlags } from "../../forge/console/index.ts";
import { findCheckpoint, latestCheckpoint, readCheckpoint } from "../../trainer/checkpoint/index.ts";
import { prepareRun } from "../../trainer/prepare.ts";
import { runTraining } from "../../trainer/run.ts";
import { tinyConfig, writeCorpus } from "./corpus.ts";

let root = "";
let corpus = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "trainer-run-"));
  corpus = join(root, "corpus");
  await writeCorpus(corpus);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const modelBytes = async (out: string): Promise<Buffer> =>
  readFile(join((await latestCheckpoint(out)) as string, "model.safetensors"));

describe("trainer run", () => {
  it("trains from token shards to a Hugging Face checkpoint, with a falling loss", async () => {
    const out = join(root, "whole");
    const events: ForgeEvent[] = [];
    const summary = await runTraining(tinyConfig(corpus, out, { length: { steps: 60 } }), {
      reporter: (event) => events.push(event),
    });
    expect(summary.trainLoss).toBeLessThan(Math.log(300) - 1.5);
    expect(summary.validationLoss).toBeLessThan(Math.log(300) - 1.5);
    expect(summary.tokens).toBe(60 * 4 * 32);
    const names = await readdir(summary.checkpoint, { recursive: true });
    expect(names.map((name) => name.replaceAll("\\", "/")).sort()).toEqual([
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "trainer",
      "trainer/optimizer.safetensors",
      "trainer/state.json",
    ]);
    expect((await readdir(join(out, "checkpoints"))).sort()).toEqual(["latest.json", "step-000057", "step-000060"]);
    expect(JSON.parse(await readFile(join(summary.checkpoint, "config.json"), "utf8"))).toMatchObject({
      model_type: "gpt2",
      n_ctx: 32,
      n_positions: 32,
      vocab_size: (await prepareRun(tinyConfig(corpus, out))).tokenizer.vocabularySize,
    });
    const log = (await readFile(join(out, "events.ndjson"), "utf8"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(log.filter((event) => event.type === "step-end")).toHaveLength(60);
    expect(log.at(-1)?.type).toBe("run-end");
    expect(events.at(-1)?.type).toBe("stage-end");
  });

  it("has the same weights, bit by bit, after stops and resumes as without, with other numbers of threads too", async () => {
    const straight = join(root, "straight");
    await runTraining(tinyConfig(corpus, straight));
    const stopped = join(root, "stopped");
    for (const [stop, threads] of [
      [2, 2],
      [5, 1],
    ] as const) {
      const controller = new AbortController();
      const config = tinyConfig(corpus, stopped, { backend: { threads } });
      const attempt = runTraining(config, {
        signal: controller.signal,
        reporter: (event) => {
          if (event.type === "stage-progress" && event.done === stop) controller.abort(new Error("stop"));
        },
      });
      await expect(attempt).rejects.toThrow("stop");
      const state = (await readCheckpoint((await latestCheckpoint(stopped)) as string)).run;
      expect(state?.step).toBe(stop);
    }
    const summary = await runTraining(tinyConfig(corpus, stopped));
    expect(summary.resumedFrom).toBe(5);
    expect(await modelBytes(stopped)).toEqual(await modelBytes(straight));
    const optimizer = async (out: string) =>
      readFile(join((await latestCheckpoint(out)) as string, "trainer", "optimizer.safetensors"));
    expect(await optimizer(stopped)).toEqual(await optimizer(straight));
  });

  it("resumes from the last whole checkpoint after a crash, and clears the rest of the unfinished one", async () => {
    const out = join(root, "crashed");
    const straight = join(root, "straight2");
    await runTraining(tinyConfig(corpus, straight));
    await runTraining(tinyConfig(corpus, out));
    // As kill -9 leaves it: latest.json names step 6, a newer folder and a draft lie about.
    await runTraining(tinyConfig(corpus, out, { checkpoint: { everySteps: 3, keep: 9 } }), { force: true });
    await writeFile(join(out, "checkpoints", "latest.json"), JSON.stringify({ checkpoint: "step-000006" }));
    await mkdir(join(out, "checkpoints", "step-000009.tmp-host-1-x"));
    const summary = await runTraining(tinyConfig(corpus, out));
    expect(summary.resumedFrom).toBe(6);
    expect(await modelBytes(out)).toEqual(await modelBytes(straight));
    expect((await readdir(join(out, "checkpoints"))).filter((name) => name.includes(".tmp-"))).toEqual([]);
  });

  it("does nothing when the run is finished, and refuses another recipe, naming what changed", async () => {
    const out = join(root, "finished");
    const first = await runTraining(tinyConfig(corpus, out));
    const before = await modelBytes(out);
    const again = await runTraining(tinyConfig(corpus, out));
    expect(again).toMatchObject({ resumedFrom: 9, tokensPerSecond: null, trainLoss: first.trainLoss });
    expect(await modelBytes(out)).toEqual(before);
    const other = runTraining(tinyConfig(corpus, out, { optimizer: { learningRate: 2e-2 } }));
    await expect(other).rejects.toMatchObject({ code: "recipe-changed", issues: [{ path: "optimizer.learningRate" }] });
    await runTraining(tinyConfig(corpus, out, { seed: 2 }), { force: true });
    expect(await modelBytes(out)).not.toEqual(before);
  });

  it("fine-tunes a run's checkpoint on answers, with the loss on the answers falling", async () => {
    const base = join(root, "base");
    await runTraining(tinyConfig(corpus, base, { length: { steps: 30 } }));
    const config = (epochs: number) =>
      tinyConfig(corpus, join(root, `tuned-${epochs}`), {
        model: undefined,
        from: base,
        data: { kind: "answers", path: corpus, validationFraction: 0.25 },
        length: { epochs },
      });
    const short = await runTraining(config(1));
    const long = await runTraining(config(20));
    expect(long.plan.steps).toBe(Math.ceil((9 * 20) / 4));
    expect(long.trainLoss as number).toBeLessThan((short.trainLoss as number) * 0.7);
  });

  it("refuses shards made with another tokenizer, and data too small for one window", async () => {
    const other = join(root, "other");
    await writeCorpus(other, { seed: 99, documents: 90 });
    const base = await findCheckpoint(join(root, "whole"));
    const mixed = tinyConfig(other, join(root, "mixed"), { model: undefined, from: base });
    await expect(prepareRun(mixed)).rejects.toMatchObject({ code: "tokenizer-mismatch", exitCode: 3 });
    const small = tinyConfig(corpus, join(root, "small"), { model: { layers: 1, width: 16, heads: 2, context: 8192 } });
    await expect(prepareRun(small)).rejects.toMatchObject({ code: "too-few-tokens", exitCode: 3 });
    const missing = tinyConfig(join(root, "nowhere"), join(root, "missing"));
    await expect(prepareRun(missing)).rejects.toMatchObject({ code: "tokenizer-missing", exitCode: 3 });
  });

  it("refuses damaged shards and checkpoints with the file's name", async () => {
    const broken = join(root, "broken");
    await writeCorpus(broken);
    const shard = join(broken, "tokens", "train-00000.arrow");
    await writeFile(shard, (await readFile(shard)).subarray(0, 200));
    await expect(prepareRun(tinyConfig(broken, join(root, "b")))).rejects.toMatchObject({
      exitCode: 3,
      position: { file: shard },
    });
    await expect(findCheckpoint(broken)).rejects.toMatchObject({ code: "checkpoint-missing" });
    const copy = join(root, "damaged-checkpoint");
    await cp(await findCheckpoint(join(root, "whole")), copy, { recursive: true });
    const state = join(copy, "trainer", "state.json");
    await writeFile(state, "{}");
    await expect(readCheckpoint(copy)).rejects.toMatchObject({ code: "state-invalid", position: { file: state } });
  });

  it("refuses a model that cannot fit before anything is allocated, and says what would", async () => {
    const large = { layers: 12, width: 768, heads: 12, context: 32 };
    const config = tinyConfig(corpus, join(root, "large"), {
      model: large,
      batch: { rows: 64, microBatchRows: 2, lanes: 12 },
    });
    await expect(prepareRun(config)).rejects.toMatchObject({
      code: "memory-limit",
      hint: expect.stringContaining("batch.lanes"),
    });
    const huge = tinyConfig(corpus, join(root, "huge"), { model: { layers: 24, width: 1024, heads: 16, context: 32 } });
    await expect(prepareRun(huge)).rejects.toMatchObject({
      code: "memory-limit",
      hint: expect.stringContaining("smaller model"),
    });
  });

  it("shows its plan under --dry-run and writes nothing", async () => {
    const out = join(root, "dry");
    const file = join(root, "train.yaml");
    await writeFile(
      file,
      JSON.stringify({ out, data: { kind: "tokens", path: corpus }, model: {}, length: { epochs: 1 } }),
    );
    const result = await spec.run({
      argument: file,
      flags: createFlags({ dryRun: true }),
      reporter: () => undefined,
      signal: new AbortController().signal,
      json: true,
      interactive: false,
      cwd: root,
      env: {},
      stdout: () => undefined,
    });
    expect(result.json).toMatchObject({ plan: { steps: 1, epochs: 4 } });
    expect(await readdir(root)).not.toContain("dry");
  });
});
