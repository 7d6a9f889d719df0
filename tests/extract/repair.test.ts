import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { repairTexts } from "../../forge/extract/index.ts";
import { loadKernels } from "../../forge/kernels/index.ts";
import { repairConfigSchema, type RepairConfig } from "../../schemas/config/extract.ts";

const kernels = await loadKernels();

function repair(texts: readonly string[], config: RepairConfig = repairConfigSchema.parse({})) {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  const { text, counts } = repairTexts(
    { values: Buffer.concat(parts), offsets, length: texts.length },
    config,
    kernels,
  );
  const repaired = texts.map((_, i) =>
    Buffer.from(text.values.subarray(text.offsets[i], text.offsets[i + 1])).toString(),
  );
  return { repaired, counts };
}

const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "a",
        "é",
        "e\u0301",
        "\u0301",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\r",
        "\u0085",
        "\u2028",
        "\f",
        "\0",
        "\u00ad",
        "\u200b",
        "\ufeff",
        "\u200d",
        "日",
        "Ã",
        "©",
        "â",
        "€",
        "™",
        "Ð",
        "¿",
        "\u00a0",
        "😀",
      ),
      fc.string({ unit: "grapheme", maxLength: 5 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(""));

describe("repairTexts", () => {
  it.each([
    ["line ends of all systems", "a\r\nb\rc\u2028d\fe", "a\nb\nc\nd\ne"],
    ["blanks at line ends, but not indentation", "a  \n    b\t\n", "a\n    b"],
    ["more than two empty lines", "a\n\n\n\n\n\nb", "a\n\n\nb"],
    ["empty lines around the text", "\n \n  a\n\n", "  a"],
    ["control and invisible characters", "\ufeffso\u00adft\u0000 ze\u200bro\u0007", "soft zero"],
    ["decomposed letters", "e\u0301", "é"],
    ["letters that a soft hyphen kept apart", "e\u00ad\u0301", "é"],
    ["mojibake that another line, ended by a carriage return, kept from being seen", "日本\rcafÃ©", "日本\ncafé"],
    ["mojibake with a zero-width space inside", "cafÃ\u200b©", "café"],
  ])("repairs %s", (_name, input, output) => {
    expect(repair([input]).repaired).toEqual([output]);
  });

  it("repairs some texts of a batch and leaves those around them as they are", () => {
    const texts = ["", "a\n", "e\u0301", "plain", "cafÃ©", "b\u0001", "", "日本", "\u2126 \n"];
    const { repaired, counts } = repair(texts);
    expect(repaired).toEqual(["", "a", "é", "plain", "café", "b", "", "日本", "Ω"]);
    expect(counts).toMatchObject({ changed: 5, composed: 2, controls: 1, mojibake: 1 });
  });

  it("keeps joiners, which Persian and emoji need", () => {
    const text = "می\u200cخواهم 👩\u200d💻";
    expect(repair([text]).repaired).toEqual([text]);
  });

  it("changes nothing more when it repairs again", () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 4 }), (texts) => {
        const once = repair(texts).repaired;
        const again = repair(once);
        expect(again.repaired).toEqual(once);
        expect(again.counts.changed).toBe(0);
      }),
    );
  });

  it("counts what it changed, byte by byte and text by text", () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 4 }), (texts) => {
        const { repaired, counts } = repair(texts);
        const bytes = (all: readonly string[]): number => all.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
        expect(counts.bytesIn).toBe(bytes(texts));
        expect(counts.bytesOut).toBe(bytes(repaired));
        expect(counts.changed).toBe(texts.filter((text, i) => text !== repaired[i]).length);
      }),
    );
  });

  it("leaves every text as it is when all repairs are off", () => {
    fc.assert(
      fc.property(fc.array(anyText, { maxLength: 4 }), (texts) => {
        const { repaired } = repair(texts, {
          mojibake: false,
          unicode: "none",
          controls: false,
          whitespace: false,
        });
        expect(repaired).toEqual(texts);
      }),
    );
  });
});
