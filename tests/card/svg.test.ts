import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { barChart, barColour, textColour } from "../../forge/card/svg.ts";

/** Relative luminance after WCAG 2. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

describe("a bar chart", () => {
  it("has colours that stand out from a white and from a dark page", () => {
    for (const page of ["#ffffff", "#0d1117"]) {
      expect(contrast(textColour, page)).toBeGreaterThan(4);
      expect(contrast(barColour, page)).toBeGreaterThan(3);
    }
  });

  it("is XML whatever its labels are, and holds every text within its width", () => {
    const bar = fc.record({
      label: fc.string({ unit: "binary", maxLength: 80 }),
      value: fc.nat(),
      note: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), fc.array(bar, { maxLength: 12 }), (title, bars) => {
        const svg = barChart(
          title,
          bars.map(({ note, ...rest }) => (note === undefined ? rest : { ...rest, note })),
        );
        // Nothing but elements, text, and the five entities; no character that XML forbids.
        // eslint-disable-next-line no-control-regex -- control characters are what it looks for
        expect(svg).not.toMatch(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/);
        expect(svg.replace(/<\/?(?:svg|title|text|rect)(?: [a-zA-Z:-]+="[^"<]*")*\/?>/g, "")).not.toMatch(/[<>]/);
        expect(svg).not.toMatch(/&(?!amp;|lt;|gt;|quot;)/);
        const width = Number(/width="(\d+)"/.exec(svg)?.[1]);
        for (const [, x, anchor, text = ""] of svg.matchAll(
          /<text x="([\d.]+)" y="\d+"( text-anchor="end")?[^>]*>([^<]*)<\/text>/g,
        )) {
          const shown = [...text.replace(/&(?:amp|lt|gt|quot);/g, "x")].length * 13 * 0.55;
          if (anchor === undefined) expect(Number(x) + shown).toBeLessThanOrEqual(width);
          else expect(Number(x) - shown).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
