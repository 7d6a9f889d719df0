import { describe, expect, test } from "vitest";
import { unicodeVersion } from "../../forge/kernels/unicode/data.ts";
import { generalCategories, propertyBits } from "../../forge/kernels/unicode/properties.ts";
import { propertiesOf } from "../../forge/kernels/unicode/tables.ts";

const running = process.versions["unicode"];

describe.skipIf(running !== unicodeVersion)(
  `The Unicode ${unicodeVersion} tables (compared where Node has that version; here ${running})`,
  () => {
    const differing = (pattern: RegExp, holds: (flags: number) => boolean): string[] => {
      const wrong: string[] = [];
      for (let cp = 0; cp < 0x110000; cp++) {
        if (pattern.test(String.fromCodePoint(cp)) !== holds(propertiesOf(cp))) wrong.push(cp.toString(16));
      }
      return wrong;
    };

    test.each([
      ["White_Space", propertyBits.whiteSpace],
      ["Alphabetic", propertyBits.alphabetic],
      ["Cased", propertyBits.cased],
      ["Case_Ignorable", propertyBits.caseIgnorable],
      ["Extended_Pictographic", propertyBits.pictographic],
    ])("hold what Node holds of %s", (name, bit) => {
      expect(differing(new RegExp(`^\\p{${name}}$`, "u"), (flags) => (flags & bit) !== 0)).toEqual([]);
    });

    test("hold every code point's general category", () => {
      const patterns = generalCategories.map(([short]) => new RegExp(`^\\p{${short}}$`, "u"));
      const wrong: string[] = [];
      for (let cp = 0; cp < 0x110000; cp++) {
        const category = propertiesOf(cp) & propertyBits.categoryMask;
        if (!patterns[category]?.test(String.fromCodePoint(cp))) wrong.push(cp.toString(16));
      }
      expect(wrong).toEqual([]);
    });
  },
);
