import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { planCut, type Cut, type CutOptions } from "../../forge/decontaminate/index.ts";

const options: CutOptions = { window: 200, minPieceCharacters: 200, maxPieces: 10 };

/** Cuts `#` and all that touches it out of a text. */
function cut(text: string, more: Partial<CutOptions> = {}): string[] | Cut {
  const bytes = Buffer.from(text, "utf8");
  const matches = [...bytes.entries()].filter(([, byte]) => byte === 35).map(([at]) => ({ start: at, end: at + 1 }));
  const plan = planCut(bytes, matches, { ...options, ...more });
  if ("reason" in plan) return plan;
  const starts = [0, ...plan.ranges.map(({ end }) => end)];
  const ends = [...plan.ranges.map(({ start }) => start), bytes.length];
  return starts.map((start, i) => bytes.toString("utf8", start, ends[i])).filter((piece) => piece !== "");
}

const x = (count: number): string => "x".repeat(count);
const dropped = { reason: "contaminated-no-piece-left" };

describe("A cut", () => {
  test("takes 200 characters on each side of a match", () => {
    expect(cut(`${x(500)}#${x(600)}`)).toEqual([x(300), x(400)]);
    expect(cut(`#${x(600)}`)).toEqual([x(400)]);
    expect(cut(`${x(600)}#`)).toEqual([x(400)]);
  });

  test("counts characters, not bytes", () => {
    const wide = "ü€😀".repeat(200);
    const characters = [...wide];
    expect(cut(`${wide}#${wide}`)).toEqual([characters.slice(0, 400).join(""), characters.slice(200).join("")]);
  });

  test("keeps a piece of 200 characters and drops one of 199", () => {
    expect(cut(`${x(400)}#${x(400)}`)).toEqual([x(200), x(200)]);
    expect(cut(`${x(399)}#${x(400)}`)).toEqual([x(200)]);
    expect(cut(`${x(400)}#${x(200)}#${x(600)}#${x(400)}`)).toEqual([x(200), x(200), x(200)]);
    expect(cut(`${x(400)}#${x(200)}#${x(599)}#${x(400)}`)).toEqual([x(200), x(200)]);
    expect(cut(`${x(399)}#${x(399)}`)).toMatchObject(dropped);
  });

  test("leaves a text in ten pieces and gives up one in eleven, short pieces counted", () => {
    const pieces = (count: number, length: number): string => Array(count).fill(x(length)).join("#");
    expect(cut(pieces(10, 600))).toHaveLength(10);
    expect(cut(pieces(11, 600))).toMatchObject({ reason: "contaminated-in-many-pieces", pieces: 11 });
    expect(cut(`${x(600)}#${pieces(9, 450)}#${x(600)}`)).toMatchObject({
      reason: "contaminated-in-many-pieces",
      pieces: 11,
    });
    // Matches so near that nothing is left between them are one.
    expect(cut(`${x(600)}#${pieces(20, 400)}#${x(600)}`)).toEqual([x(400), x(400)]);
  });

  test("counts what it takes out, short pieces with it", () => {
    const plan = planCut(Buffer.from(`${x(300)}é${x(600)}`), [{ start: 300, end: 302 }], options);
    expect(plan).toMatchObject({ pieces: 1, characters: 501, ranges: [{ start: 0, end: 502 }] });
  });

  test("removes all of every match and its window, keeps every long piece whole, for any text", () => {
    const part = fc.oneof(fc.constantFrom("#", "ab", "é", "😀", "xyz"), fc.constant("- long piece -"));
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), fc.nat(6), fc.nat(12), (parts, window, minPieceCharacters) => {
        const text = parts.join("");
        const characters = [...text];
        const gone = characters.map((_, i) => characters.slice(Math.max(0, i - window), i + window + 1).includes("#"));
        const pieces: string[] = [];
        for (const [i, character] of characters.entries()) {
          if (gone[i] === true) continue;
          if (i > 0 && gone[i - 1] === false) pieces.push(`${pieces.pop() ?? ""}${character}`);
          else pieces.push(character);
        }
        const left = pieces.filter((piece) => [...piece].length >= minPieceCharacters);
        const expected =
          pieces.length > 10 ? { reason: "contaminated-in-many-pieces" } : left.length === 0 ? dropped : left;
        const made = cut(text, { window, minPieceCharacters });
        if (Array.isArray(expected)) expect(made).toEqual(expected);
        else expect(made).toMatchObject(expected);
      }),
    );
  });
});
