/** What every reader promises, whatever the format. */
import { describe, expect, it } from "vitest";
import { planSources, readSplit } from "../../forge/read/index.ts";
import { localSources, type OpenSource } from "../../forge/read/byte-source.ts";
import { samplesOf } from "./samples.ts";
import { configOf, folderOf, readAll } from "./support.ts";

const texts = Array.from({ length: 150 }, (_, i) =>
  i % 40 === 7 ? null : `document ${i} ${"Größe 日本 🏋 ".repeat(1 + (i % 5))}${Math.sin(i)}`,
);
const good = texts.filter((text) => text !== null);
const samples = await samplesOf(texts);

describe.each(samples.map((sample) => [sample.name, sample] as const))("%s", (name, sample) => {
  const source = { name: "s", path: name };
  const { reasonOfNull = "field-missing" } = sample;

  it("gives every record once: as a document or as an entry of the quarantine", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    const { documents, quarantined } = await readAll(folder.path, configOf([source]));
    expect(documents.map(({ text }) => text)).toEqual(good);
    expect(documents.length + quarantined.length).toBe(texts.length);
    for (const entry of quarantined) expect([entry.source, entry.reason]).toEqual([name, reasonOfNull]);
    expect(quarantined.map(({ row }) => row)).toEqual([7, 47, 87, 127]);
    expect(new Set(documents.map(({ id }) => id)).size).toBe(good.length);
  });

  it("gives the same documents and ids however it is split and batched", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    const whole = await readAll(folder.path, configOf([source]));
    for (const splitBytes of [1024, 3000, 9001]) {
      const split = await readAll(folder.path, configOf([source], { splitBytes, batchBytes: 1024 }));
      expect(split.documents).toEqual(whole.documents);
      expect(split.quarantined.length).toBe(whole.quarantined.length);
      if (splitBytes === 1024) expect(split.plan.splits.length > 1).toBe(sample.splits);
    }
  });

  it("keeps the good records of a file that lost its tail, and names file and place of the loss", async () => {
    const cut = sample.bytes.subarray(0, Math.floor(sample.bytes.length * 0.6));
    await using complete = await folderOf({ [name]: sample.bytes });
    const whole = await readAll(complete.path, configOf([source]));
    await using folder = await folderOf({ [name]: cut });
    const { documents, quarantined } = await readAll(folder.path, configOf([source]));
    expect(documents.map(({ text }) => text)).toEqual(good.slice(0, documents.length));
    if (sample.readsTruncated) expect(documents.length).toBeGreaterThan(0);
    const last = quarantined.at(-1);
    expect(last?.source).toBe(name);
    expect(last?.message).not.toBe(whole.quarantined.at(-1)?.message);
    expect(last?.byteOffset).toBeGreaterThanOrEqual(0);
  });

  it("closes what it opened when its reader is left early", async () => {
    await using folder = await folderOf({ [name]: sample.bytes });
    const config = configOf([source], { batchBytes: 1024 });
    const { splits } = await planSources(config.sources, { root: folder.path, read: config.read });
    const watched = watchSources(localSources(folder.path));
    const [split] = splits;
    if (split === undefined) throw new Error("no split");
    const options = { root: folder.path, source: configOf([source]).sources[0] as never, read: config.read };
    for await (const _ of readSplit(split, { ...options, openSource: watched.openSource })) break;
    expect(watched.open()).toBe(0);
  });

  it("passes over an empty file", async () => {
    await using folder = await folderOf({ [name]: "", "b.txt": "text" });
    const { documents, quarantined } = await readAll(folder.path, configOf([{ name: "s", path: "*" }]));
    expect([documents.map(({ text }) => text), quarantined]).toEqual([["text"], []]);
  });
});

/** Counts reads that were begun and neither finished nor closed. */
function watchSources(openSource: OpenSource): { readonly openSource: OpenSource; open(): number } {
  let running = 0;
  return {
    open: () => running,
    async openSource(uri) {
      const source = await openSource(uri);
      return {
        ...source,
        async *read(start, end) {
          running++;
          try {
            yield* source.read(start, end);
          } finally {
            running--;
          }
        },
      };
    },
  };
}
