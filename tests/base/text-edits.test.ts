import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  applyTextEdits,
  readTextEdits,
  readTurnedAway,
  writeTextEdits,
  writeTurnedAway,
  type TextEdits,
  type Utf8Column,
} from "../../forge/base/index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "forge-edits-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function columnOf(texts: readonly string[]): Utf8Column {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = (offsets[i] as number) + part.byteLength;
  return { values: new Uint8Array(Buffer.concat(parts)), offsets, length: texts.length };
}

function textsOf({ values, offsets, length }: Utf8Column): string[] {
  return Array.from({ length }, (_, i) => Buffer.from(values.subarray(offsets[i], offsets[i + 1])).toString("utf8"));
}

/** Edits from ranges by row. */
function editsOf(
  ranges: Readonly<Record<number, readonly (readonly [number, number])[]>>,
  separator: string,
): TextEdits {
  const rows = Object.keys(ranges).map(Number);
  const all = rows.map((row) => ranges[row] ?? []);
  const offsets = [0];
  for (const one of all) offsets.push((offsets.at(-1) ?? 0) + one.length);
  return {
    rows: Uint32Array.from(rows),
    offsets: Uint32Array.from(offsets),
    starts: Uint32Array.from(all.flat(), ([start]) => start),
    ends: Uint32Array.from(all.flat(), ([, end]) => end),
    separator,
  };
}

describe("ranges taken out of texts", () => {
  test("leave the pieces, with the separator between them and nowhere else", () => {
    const edits = editsOf(
      {
        10: [
          [0, 2],
          [4, 6],
          [6, 7],
          [9, 10],
        ],
        12: [[0, 3]],
      },
      "|",
    );
    expect(textsOf(applyTextEdits(columnOf(["0123456789", "as it is", "abc"]), 10, edits))).toEqual([
      "23|78",
      "as it is",
      "",
    ]);
  });

  test("are looked for by the row's number in its partition, so a column without edits is given back as it is", () => {
    const edits = editsOf({ 0: [[0, 1]], 5: [[1, 2]] }, "");
    const column = columnOf(["abc", "def"]);
    expect(applyTextEdits(column, 1, edits)).toBe(column);
    expect(textsOf(applyTextEdits(column, 4, edits))).toEqual(["abc", "df"]);
  });

  test("do what slicing each text by itself does", () => {
    const row = fc.record({ text: fc.stringMatching(/^[a-z]{0,20}$/), cuts: fc.array(fc.nat(20), { maxLength: 8 }) });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 8 }), fc.constantFrom("", "\n\n"), (rows, separator) => {
        const ranges: Record<number, [number, number][]> = {};
        const expected = rows.map(({ text, cuts }, i) => {
          const bounds = [...new Set(cuts.filter((cut) => cut <= text.length))].sort((a, b) => a - b);
          const pairs = bounds.flatMap((start, at): [number, number][] =>
            at % 2 === 0 && bounds[at + 1] !== undefined ? [[start, bounds[at + 1] as number]] : [],
          );
          if (pairs.length === 0) return text;
          ranges[i] = pairs;
          const starts = [0, ...pairs.map(([, end]) => end)];
          const ends = [...pairs.map(([start]) => start), text.length];
          const pieces = starts.map((start, piece) => text.slice(start, ends[piece]));
          return pieces.filter((piece) => piece !== "").join(separator);
        });
        const column = columnOf(rows.map(({ text }) => text));
        expect(textsOf(applyTextEdits(column, 0, editsOf(ranges, separator)))).toEqual(expected);
      }),
    );
  });

  test("that lie outside the text are a fault of the program", () => {
    expect(() => applyTextEdits(columnOf(["abc"]), 0, editsOf({ 0: [[2, 4]] }, ""))).toThrow("row 0");
  });

  test("come back from their file as they were written, and so do documents turned away", async () => {
    const edits = editsOf({ 3: [[0, 2]], 7: [[1, 2]] }, "\n\n");
    await writeTextEdits(join(folder, "edits"), edits);
    expect(await readTextEdits(join(folder, "edits"))).toEqual(edits);
    const away = {
      rows: Uint32Array.of(4),
      reason: Uint8Array.of(1),
      reasons: ["never", "too-short"],
      value: Float32Array.of(3),
    };
    await writeTurnedAway(join(folder, "away"), away);
    expect(await readTurnedAway(join(folder, "away"))).toEqual(away);
    await expect(readTextEdits(join(folder, "away"))).rejects.toMatchObject({ code: "column-file-invalid" });
  });
});
