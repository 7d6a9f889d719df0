import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonFieldState, type JsonLines } from "../../forge/kernels/index.ts";
import { both, nastyBytes, nastyText, reference, textsOf, wasm } from "./support.ts";

const options = { fields: ["text", "id", "ключ"], maxRecordBytes: 1 << 20, final: true };

function plain(lines: JsonLines): unknown {
  return {
    ...lines,
    recordOffsets: [...lines.recordOffsets],
    columns: [...lines.columns].map(([name, cells]) => [name, textsOf(cells), [...cells.states]]),
  };
}

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

describe.each(both)("JSON Lines, $implementation", (kernels) => {
  const extract = (text: string, more: Partial<typeof options> = {}): JsonLines =>
    kernels.extractJsonLines(bytesOf(text), { ...options, ...more });
  const first = (text: string, field = "text"): unknown => {
    const lines = extract(text);
    const cells = lines.columns.get(field);
    return lines.length === 0 ? lines.quarantined[0]?.reason : [cells?.states[0], textsOf(cells ?? fail())[0]];
  };
  const fail = (): never => {
    throw new Error("no such column");
  };

  test.each([
    ['{"text":"a\\u0000b"}', [1, "a\0b"]],
    ['{"text":"\\ud83d\\ude00"}', [1, "😀"]],
    ['{"text":"\\ud83d x"}', [1, "\ufffd x"]],
    ['{"text":"\\ude00\\ud83d"}', [1, "\ufffd\ufffd"]],
    ['{"t\\u0065xt":"escaped key"}', [1, "escaped key"]],
    ['{"text":"one","text":"two"}', [1, "two"]],
    ['{"text":"one","text":null}', [0, ""]],
    ['{"a":{"text":"inner"},"text":"outer"}', [1, "outer"]],
    ['{"a":[{"text":"inner"}]}', [0, ""]],
    ['{"text": [1, {"a": "}"}] }', [2, '[1, {"a": "}"}]']],
    ['{"text":-1.5e+10}', [2, "-1.5e+10"]],
    ['{"text":{}}', [2, "{}"]],
    ['{"text":true}', [2, "true"]],
    ["{}", [0, ""]],
    [' { "text" : "x" } \r', [1, "x"]],
    ["[]", "not-an-object"],
    ['[{"text":"x"}]', "not-an-object"],
    ['"text"', "not-an-object"],
    ["12", "not-an-object"],
    ['{"text":"x"', "invalid-json"],
    ['{"text":"x"}}', "invalid-json"],
    ['{"text":"x",}', "invalid-json"],
    ['{"text":"tab\there"}', "invalid-json"],
    ['{"text":"\\x"}', "invalid-json"],
    ['{"text":"\\u12g4"}', "invalid-json"],
    ['{"text":01}', "invalid-json"],
    ['{"text":1.}', "invalid-json"],
    ['{"text":.5}', "invalid-json"],
    ['{"text":+1}', "invalid-json"],
    ['{"text":1e}', "invalid-json"],
    ['{"text":nul}', "invalid-json"],
    ['{"text":tru', "invalid-json"],
    ['{"text":[1 2]}', "invalid-json"],
    ['{"text":[1,]}', "invalid-json"],
    ['{"text":[}', "invalid-json"],
    ["{'text':1}", "invalid-json"],
    ['\ufeff{"text":1}', "invalid-json"],
    ['{"text":"\\', "invalid-json"],
  ])("reads %s", (text, expected) => {
    expect(first(text)).toEqual(expected);
  });

  test("nests as deep as a line is long", () => {
    const depth = 100_000;
    expect(first(`{"a":${"[".repeat(depth)}${"]".repeat(depth)},"text":"deep"}`)).toEqual([1, "deep"]);
    expect(first(`{"a":${"[".repeat(depth)}${"]".repeat(depth - 1)}}`)).toBe("invalid-json");
  });

  test("names what is wrong with a line, where it is, and goes on after it", () => {
    const long = `{"text":"${"x".repeat(100)}"}`;
    const chunk = Buffer.concat([
      Buffer.from(`{"text":"good"}\n\n  \r\n${long}\n{"text":"`),
      Buffer.from([0xff]),
      Buffer.from(`"}\nnot json\n{"text":"also good"}\n{"text":"unfin`),
    ]);
    const lines = kernels.extractJsonLines(chunk, { fields: ["text"], maxRecordBytes: 50, final: false });
    expect(textsOf(lines.columns.get("text") ?? fail())).toEqual(["good", "also good"]);
    expect(lines.quarantined).toEqual([
      { byteOffset: 21, byteLength: 111, reason: "too-long" },
      { byteOffset: 133, byteLength: 12, reason: "invalid-utf8" },
      { byteOffset: 146, byteLength: 8, reason: "invalid-json" },
    ]);
    expect(chunk.subarray(lines.consumed).toString()).toBe('{"text":"unfin');
    expect([...lines.recordOffsets]).toEqual([0, 155]);
  });

  test("counts the surrogates that have no partner, in what is wanted and stays", () => {
    const counts = (text: string): unknown => {
      const { replacements } = extract(text);
      return replacements && [...replacements];
    };
    expect(counts('{"text":"\\ud83d\\ude00","id":"\\ufffd"}\n{"text":"a"}')).toBeNull();
    expect(
      counts('{"text":"\\ud83d"}\n{"text":"a"}\n\n{"text":"\\ude00\\ud83d\\ud83d\\ude00","id":"\\udfff."}'),
    ).toEqual([1, 0, 3]);
    expect(counts('{"other":"\\ud83d","id":["\\ud83d"]}\n{"te\\ud83dxt":"a"}')).toBeNull();
    expect(counts('{"text":"\\ud83d","text":"last"}\n{"text":"\\ud83d","text":null}')).toBeNull();
    expect(counts('{"text":"a","text":"\\ud83d"}\n{"text":"\\ud83d"')).toEqual([1]);
  });

  test("lends columns that hold until the next call", () => {
    const text = '{"id":"a\\n","text":"first"}\n{"text":"second","id":7}\n';
    const lent = kernels.extractJsonLines(bytesOf(text), { ...options, borrow: true });
    const seen = plain(lent);
    expect(seen).toEqual(plain(extract(text)));
  });

  test("agrees with JSON.parse on every field of any object", () => {
    const record = fc.dictionary(fc.oneof(fc.constantFrom(...options.fields), nastyText), fc.jsonValue(), {
      maxKeys: 6,
    });
    fc.assert(
      fc.property(fc.array(record, { maxLength: 6 }), fc.boolean(), (records, escaped) => {
        const text = records
          .map((item) => JSON.stringify(item))
          .map((line) =>
            escaped
              ? line.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
              : line,
          )
          .join("\n");
        const lines = extract(text);
        expect(lines.length).toBe(records.length);
        const alone = records.map(() => 0);
        for (const field of options.fields) {
          const cells = lines.columns.get(field) ?? fail();
          for (const [i, found] of textsOf(cells).entries()) {
            const parsed = JSON.parse(JSON.stringify(records[i])) as Record<string, unknown>;
            const value = Object.hasOwn(parsed, field) ? parsed[field] : null;
            if (value === null) expect(cells.states[i]).toBe(jsonFieldState.absent);
            else if (typeof value === "string") {
              expect(found).toBe(value.toWellFormed());
              alone[i] = (alone[i] as number) + (value.match(/\p{Surrogate}/gu)?.length ?? 0);
            } else expect(JSON.parse(found)).toEqual(value);
          }
        }
        expect([...(lines.replacements ?? records.map(() => 0))]).toEqual(alone);
      }),
      { numRuns: 500 },
    );
  });
});

test("Both implementations agree on lines that were damaged anywhere", () => {
  const good =
    '{"id": 12.5e-3, "text": "caf\\u00e9 \\ud83c\\udfcb \\"q\\" 漢字", "n": [null, true, {"x": ""}], "ключ": "да"}';
  const edit = fc.tuple(
    fc.nat(200),
    fc.nat(3),
    fc.oneof(nastyBytes, fc.constantFrom(...'{}[]",:\\\n0eE.-tfn u').map(bytesOf)),
  );
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 4 }), fc.boolean(), (edits, final) => {
      let chunk: Uint8Array = bytesOf(`${good}\n${good}\r\n`);
      for (const [at, drop, put] of edits) {
        chunk = new Uint8Array(Buffer.concat([chunk.subarray(0, at), put, chunk.subarray(at + drop)]));
      }
      const settings = { ...options, final, maxRecordBytes: 150 };
      expect(plain(wasm.extractJsonLines(chunk, settings))).toEqual(plain(reference.extractJsonLines(chunk, settings)));
    }),
    { numRuns: 3000 },
  );
});
