/** One contract for the teachers behind HTTP, against real small servers with faults on demand. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runProbes } from "../../forge/base/index.ts";
import {
  openTeacher,
  parseTeacherSpec,
  planTeaching,
  probeTeachers,
  runTeach,
  type Teacher,
} from "../../forge/teach/index.ts";
import { askForRow } from "../../forge/teach/ask.ts";
import {
  startOllamaDouble,
  startOpenAiDouble,
  type TeacherDouble,
  type TeacherDoubleOptions,
  type TeacherFault,
} from "../../forge/testing/index.ts";
import { teachConfigSchema, type TeachConfig } from "../../schemas/config/teach.ts";
import { querySchema } from "../../schemas/record/answer.ts";

const model = "tiny:1b";
const text = "First, note that the sky scatters blue light most. So it looks blue to us on a clear day.";
const signal = new AbortController().signal;

interface Kind {
  readonly name: string;
  readonly start: (options: TeacherDoubleOptions) => Promise<TeacherDouble>;
  readonly spec: (double: TeacherDouble) => string;
  readonly env: (double: TeacherDouble) => Record<string, string>;
}
const kinds: readonly Kind[] = [
  { name: "ollama", start: startOllamaDouble, spec: () => `ollama:${model}`, env: ({ url }) => ({ OLLAMA_HOST: url }) },
  {
    name: "openai",
    start: startOpenAiDouble,
    spec: ({ url }) => `openai:${model}@${url}/v1`,
    env: () => ({ OPENAI_API_KEY: "k" }),
  },
];

function configFor(teacher: string, changes: object = {}): TeachConfig {
  return teachConfigSchema.parse({
    systems: [{ id: "empty", text: "" }],
    collections: { all: { systems: ["empty"] } },
    queries: ["queries.jsonl"],
    teacher,
    retry: { attempts: 3, baseMs: 1 },
    clocks: { connectMs: 2000, firstTokenMs: 300, idleMs: 300, totalMs: 5000 },
    ...changes,
  });
}
const rowOf = (config: TeachConfig): ReturnType<typeof planTeaching>[number] =>
  planTeaching(config, [
    querySchema.parse({ id: "sky", collection: "all", task: "t", query: "Why is the sky blue?" }),
  ])[0] ?? expect.fail();

describe.each(kinds)("the $name teacher", ({ start, spec, env }) => {
  async function withTeacher(
    options: Partial<TeacherDoubleOptions>,
    work: (teacher: Teacher, double: TeacherDouble, config: TeachConfig) => Promise<void>,
    changes: object = {},
  ): Promise<void> {
    await using double = await start({ model, answer: () => text, ...options });
    const config = configFor(spec(double), changes);
    await using teacher = await openTeacher(config, ".", env(double));
    await work(teacher, double, config);
  }

  it("joins the streamed pieces, counts tokens, and sends messages, seed and sampling as planned", async () => {
    await withTeacher({ thinking: "hm" }, async (teacher, double, config) => {
      const row = rowOf(config);
      const outcome = await askForRow(teacher, row, config.retry, signal);
      expect(outcome).toMatchObject({
        content: text,
        thinking: "hm",
        doneReason: "stop",
        fault: null,
        attempts: 1,
        promptTokens: 12,
        answerTokens: 4,
      });
      const [sent] = double.requests;
      expect(sent).toMatchObject({ model, stream: true, messages: row.messages });
      expect(JSON.stringify(sent)).toContain(`"seed":${row.seed}`);
    });
  });

  it.each<TeacherFault>([
    "status-500",
    "status-503-retry-after",
    "mid-stream-error",
    "garbled-line",
    "silence",
    "silence-mid-stream",
    "connection-reset",
  ])("asks again after %s, and only then takes the answer", async (fault) => {
    await withTeacher({ fault: (index) => (index === 0 ? fault : undefined) }, async (teacher, double, config) => {
      const outcome = await askForRow(teacher, rowOf(config), config.retry, signal);
      expect(outcome).toMatchObject({ content: text, doneReason: "stop", attempts: 2 });
      expect(double.requests).toHaveLength(2);
    });
  });

  it("gives a row up as teacher-error when every attempt fails", async () => {
    await withTeacher({ fault: () => "status-500" }, async (teacher, double, config) => {
      const outcome = await askForRow(teacher, rowOf(config), config.retry, signal);
      expect(outcome).toMatchObject({ content: "", doneReason: null, fault: { reason: "teacher-error" }, attempts: 3 });
      expect(double.requests).toHaveLength(3);
    });
  });

  it("takes an answer cut by its budget, or a stream without an end, for truncated, and does not ask again", async () => {
    for (const fault of ["length", "done-false"] as const) {
      await withTeacher({ fault: () => fault }, async (teacher, double, config) => {
        const outcome = await askForRow(teacher, rowOf(config), config.retry, signal);
        expect(outcome.doneReason).not.toBe("stop");
        expect(double.requests).toHaveLength(1);
      });
    }
  });

  it("says which models there are when the wanted one is missing", async () => {
    await using double = await start({ model: "other", answer: () => text });
    await using teacher = await openTeacher(configFor(spec(double)), ".", env(double));
    await expect(teacher.identify(signal)).rejects.toMatchObject({
      code: "model-missing",
      exitCode: 4,
      hint: expect.stringContaining("other"),
    });
  });

  it("stops at once when aborted, with the reason of the abort", async () => {
    await withTeacher({ fault: () => "silence" }, async (teacher, double, config) => {
      const controller = new AbortController();
      const asking = askForRow(teacher, rowOf(config), config.retry, controller.signal);
      while (double.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
      controller.abort(new Error("enough"));
      await expect(asking).rejects.toThrow("enough");
    });
  });

  it("never makes a row of a server that is not there: the run ends and says so", async () => {
    const double = await start({ model, answer: () => text });
    await double[Symbol.asyncDispose]();
    const config = configFor(spec(double));
    await using teacher = await openTeacher(config, ".", env(double));
    await expect(askForRow(teacher, rowOf(config), config.retry, signal)).rejects.toMatchObject({
      code: "teacher-unreachable",
      exitCode: 75,
    });
  });

  it("stores the same bytes with one request under way or eight, and keeps eight under way", async () => {
    const folder = await mkdtemp(join(tmpdir(), "forge-provider-"));
    try {
      const queries = Array.from({ length: 24 }, (_, index) =>
        JSON.stringify({ id: `q${index}`, collection: "all", task: "t", query: `Why number ${index}?` }),
      );
      await writeFile(join(folder, "queries.jsonl"), queries.join("\n"));
      const shas: string[][] = [];
      for (const concurrency of [1, 8]) {
        // Answers wait for each other, so that a window smaller than promised would never get one.
        let waiting: (() => void)[] = [];
        const answer = async ({ messages }: { messages: readonly { content: string }[] }): Promise<string> => {
          const gate = Promise.withResolvers<void>();
          waiting.push(gate.resolve);
          if (waiting.length === concurrency) waiting = (waiting.forEach((open) => open()), []);
          await gate.promise;
          return `${text} ${messages.at(-1)?.content ?? ""}`;
        };
        await using double = await start({ model, answer });
        const config = configFor(spec(double), { concurrency });
        const { manifest } = await runTeach(config, {
          folder,
          out: join(folder, String(concurrency)),
          env: env(double),
        });
        expect(manifest).toMatchObject({ planned: 24, accepted: 24 });
        expect(double.mostOpen).toBeGreaterThanOrEqual(concurrency);
        shas.push(manifest.files.map(({ sha256 }) => sha256));
      }
      expect(shas[0]).toEqual(shas[1]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("the ollama teacher in particular", () => {
  it("forbids silent truncation and sends the same runner options on every call", async () => {
    await using double = await startOllamaDouble({ model, answer: () => text });
    const config = configFor(`ollama:${model}`, { sampling: { numContext: 2048, numPredict: 77 } });
    await using teacher = await openTeacher(config, ".", { OLLAMA_HOST: double.url });
    await teacher.ask(rowOf(config), signal);
    expect(double.requests[0]).toMatchObject({
      truncate: false,
      shift: false,
      options: { num_ctx: 2048, num_predict: 77 },
    });
    expect(double.requests[0]?.messages[0]).toEqual({ role: "system", content: "" });
  });

  it("reports digest, version and time in the queue, and whether an empty system message stays empty", async () => {
    await using clean = await startOllamaDouble({ model, answer: () => text });
    await using adding = await startOllamaDouble({
      model,
      answer: () => text,
      templateWords: "You are a helpful assistant.",
    });
    const config = configFor(`ollama:${model}`);
    await using first = await openTeacher(config, ".", { OLLAMA_HOST: clean.url });
    await using second = await openTeacher(config, ".", { OLLAMA_HOST: adding.url.replace("http://", "") });
    expect(await first.identify(signal)).toMatchObject({
      digest: "d".repeat(64),
      serverVersion: "0.99.0-double",
      emptySystem: expect.stringContaining("verified"),
    });
    expect(await second.identify(signal)).toMatchObject({
      emptySystem: expect.stringContaining("You are a helpful assistant."),
    });
    expect(await first.ask(rowOf(config), signal)).toMatchObject({ queueMs: 3, loadMs: 1, promptMs: 2, answerMs: 4 });
  });

  it("is found by doctor's probe with its models, and missed without a fault when it is not there", async () => {
    const double = await startOllamaDouble({ model, answer: () => text });
    const [found] = await runProbes(probeTeachers({ OLLAMA_HOST: double.url }), signal);
    expect(found).toMatchObject({ name: "ollama", status: "ok", detail: expect.stringContaining(model) });
    await double[Symbol.asyncDispose]();
    const [missed] = await runProbes(probeTeachers({ OLLAMA_HOST: double.url }), signal);
    expect(missed).toMatchObject({ status: "optional" });
  });
});

describe("parseTeacherSpec", () => {
  it("tells teachers apart and explains itself otherwise", () => {
    expect(parseTeacherSpec("replay")).toEqual({ kind: "replay" });
    expect(parseTeacherSpec("ollama:llama3.2:1b")).toEqual({ kind: "ollama", model: "llama3.2:1b" });
    expect(parseTeacherSpec("openai:org/m@http://h:1/v1")).toEqual({
      kind: "openai",
      model: "org/m",
      url: "http://h:1/v1",
    });
    for (const wrong of ["", "ollama:", "openai:m", "gpt"])
      expect(() => parseTeacherSpec(wrong)).toThrow(/names no teacher/);
  });
});
