/** The parts of scripts/calibrate-language.ts, on small inputs with known answers. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  calibrationOf,
  figuresOf,
  lowestThreshold,
  ownThreshold,
  pointAt,
  type Answer,
} from "../../scripts/language/figures.ts";
import { paragraphsOfManualPage } from "../../scripts/language/manual-page.ts";
import { messagesOf } from "../../scripts/language/message-catalogue.ts";
import { isEnglish, isProse, piecesOf, readSample } from "../../scripts/language/sample.ts";

const page = String.raw`.\" a comment
.TH LS 1
.SH BEZEICHNUNG
ls \- Verzeichnisinhalt auflisten
.SH BESCHREIBUNG
\fBls\fP listet Dateien auf; f\[:u]r \(lqalles\(rq siehe
.BR stat (1).
.\" noch einer
.TP
\fB\-a\fP
Auch versteckte Einträge werden \(em ausnahmslos \(em gezeigt\*(lq.
.nf
int main(void);
.fi
.IP \(bu 2
Ein Punkt der Liste\~mit Leerzeichen.

.TS
eine	Tabelle
.TE
Nach der Tabelle \s-1GROSS\s0.`;

describe("a manual page's paragraphs", () => {
  it("are its running text, without name, tags, tables, examples and escapes", () => {
    expect(paragraphsOfManualPage(page)).toEqual([
      "ls listet Dateien auf; für “alles” siehe stat(1).",
      "Auch versteckte Einträge werden — ausnahmslos — gezeigt.",
      "Ein Punkt der Liste mit Leerzeichen.",
      "Nach der Tabelle GROSS.",
    ]);
  });
});

/** A compiled catalogue, as msgfmt lays it out. */
function catalogue(messages: readonly (readonly [string, string])[], littleEndian: boolean): Buffer {
  const strings = [0, 1].flatMap((side) => messages.map((message) => Buffer.from(`${message[side]}\0`)));
  const tables = Buffer.alloc(28 + 16 * messages.length);
  const put = (value: number, at: number): number =>
    littleEndian ? tables.writeUInt32LE(value, at) : tables.writeUInt32BE(value, at);
  [0x950412de, 0, messages.length, 28, 28 + 8 * messages.length].forEach((value, i) => put(value, 4 * i));
  let offset = tables.length;
  for (const [i, bytes] of strings.entries()) {
    put(bytes.length - 1, 28 + 8 * i);
    put(offset, 32 + 8 * i);
    offset += bytes.length;
  }
  return Buffer.concat([tables, ...strings]);
}

describe("a message catalogue", () => {
  it.each([true, false])("is read with contexts and plural forms (little endian: %s)", (littleEndian) => {
    const bytes = catalogue(
      [
        ["", "Content-Type: text/plain"],
        ["menu\u0004Open", "Öffnen"],
        ["%d file\0%d files", "%d Datei\0%d Dateien"],
      ],
      littleEndian,
    );
    expect(messagesOf(bytes)).toEqual([
      { original: "Open", translation: "Öffnen" },
      { original: "%d files", translation: "%d Dateien" },
    ]);
  });

  it("is empty when the bytes are something else", () => {
    expect(messagesOf(Buffer.from("no catalogue, and long enough to be one"))).toEqual([]);
    expect(messagesOf(Buffer.alloc(3))).toEqual([]);
  });
});

describe("a labelled sample", () => {
  let folder: string;
  const sentence = "Dieser Satz ist lang genug, um als Fließtext zu gelten.";
  const english = "This sentence is long enough that it counts as text, and nobody translated it.";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "forge-sample-"));
    const put = async (path: string, content: string | Buffer): Promise<void> => {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), content);
    };
    const manual = (text: string): Buffer => gzipSync(`.SH NAME\nx\n.SH TEXT\n${text}\n`);
    await put("man1/a.1.gz", manual("Usage of several rather old programs everywhere."));
    await put("de/man1/a.1.gz", manual(`${sentence}\n\n${english}\n\nkurz.`));
    await put("de/man1/b.1.gz", manual(`${sentence}\n\nUsage of several rather old programs everywhere.`));
    await put(
      "nb/LC_MESSAGES/x.mo",
      catalogue(
        [
          [english, english],
          ["b", "Denne setningen er lang nok til å telle som tekst her."],
        ],
        true,
      ),
    );
    await put("sr@latin/man1/a.1.gz", manual("Ova rečenica je dovoljno duga da se računa kao tekst."));
    await put("zh_TW/a.txt", "這個句子足夠長，可以算作文字，沒有人翻譯它。\n\n短。");
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("is labelled by folder, without paragraphs that are English, short or there already", () => {
    const found = readSample([folder]).map(({ variant, language, documents, left }) => [
      variant,
      language,
      documents,
      left,
    ]);
    expect(found).toEqual([
      ["en", "en", [["Usage of several rather old programs everywhere."]], { short: 0, repeated: 0, english: 0 }],
      ["de", "de", [[sentence]], { short: 1, repeated: 1, english: 2 }],
      ["nb", "no", [["Denne setningen er lang nok til å telle som tekst her."]], { short: 0, repeated: 0, english: 0 }],
      ["zh_TW", "zh", [["這個句子足夠長，可以算作文字，沒有人翻譯它。"]], { short: 1, repeated: 0, english: 0 }],
    ]);
  });

  it("tells prose from command lines, and what was left in English from what was not", () => {
    expect(isProse("[-F bfdname | --target=bfdname] [-I bfdname | --input-target=bfdname].")).toBe(false);
    expect(isProse("Ohne Punkt am Ende ist ein langer Absatz kein Satz")).toBe(false);
    expect(isProse(sentence)).toBe(true);
    expect(isEnglish(english, "de")).toBe(true);
    expect(isEnglish(sentence, "de")).toBe(false);
    expect(isEnglish("Input files follow yacc convention.", "el")).toBe(true);
  });

  it("is cut at spaces into pieces of nearly the wanted length, from the beginning of each document", () => {
    const words = "wort ".repeat(100).trim();
    const texts = {
      variant: "de",
      language: "de",
      documents: [[words], ["kurz."]],
      left: { short: 0, repeated: 0, english: 0 },
    };
    const pieces = piecesOf(texts, 52).map(({ text }) => text);
    expect(pieces).toEqual(Array.from({ length: 3 }, () => "wort ".repeat(10).trim()));
    expect(piecesOf(texts, 600)).toEqual([]);
  });
});

describe("figures of an identifier", () => {
  const answer = (language: string, found: string, score: number): Answer => ({
    variant: language,
    language,
    answer: found,
    score,
  });
  // Ten of `a`: nine right with scores .45 to .85, one taken for `b`; two of `b`, one of them taken for `a` at .5.
  const answers = [
    ...[0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85].map((score) => answer("a", "a", score)),
    answer("a", "b", 0.7),
    answer("b", "b", 0.9),
    answer("b", "a", 0.5),
  ];
  const [a, b] = figuresOf(answers);

  it("weigh languages alike in precision, and count a score at the threshold as passing", () => {
    expect(a).toMatchObject({ language: "a", pieces: 10, accuracy: 0.9, confusions: [{ answer: "b", pieces: 1 }] });
    expect(pointAt(a!, 0.5)).toMatchObject({ recall: 0.8, precision: 0.8 / (0.8 + 0.5) });
    expect(pointAt(a!, 0.55)).toMatchObject({ recall: 0.7, precision: 1 });
    expect(b?.intruder).toEqual({ language: "a", share: 0.1 });
    expect(a?.intruder).toBeUndefined();
  });

  it("find the threshold from which precision holds, and one of its own for a language that loses much", () => {
    expect(lowestThreshold(a!)?.threshold).toBe(0.55);
    expect(lowestThreshold(b!)?.threshold).toBe(0.75);
    expect(ownThreshold(a!)?.threshold).toBe(0.55);
    const sure = figuresOf([answer("a", "a", 0.65), answer("b", "b", 0.64)]);
    expect(sure.map((one) => ownThreshold(one)?.threshold)).toEqual([undefined, 0.6]);
  });

  it("compare scores with how often they are right", () => {
    const { bins, expectedError } = calibrationOf([answer("a", "a", 0.95), answer("a", "b", 0.95)]);
    expect(bins).toEqual([{ from: 0.9, pieces: 2, meanScore: 0.95, accuracy: 0.5 }]);
    expect(expectedError).toBeCloseTo(0.45);
  });
});
