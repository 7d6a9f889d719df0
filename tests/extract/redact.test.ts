import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadKernels } from "../../forge/kernels/index.ts";
import { redactTexts, type RedactedKind } from "../../forge/extract/index.ts";
import { redactConfigSchema, type RedactConfig } from "../../schemas/config/extract.ts";

const marks: RedactConfig = {
  email: "<email>",
  ipv4: "<ipv4>",
  ipv6: "<ipv6>",
  phone: "<phone>",
  iban: "<iban>",
  paymentCard: "<card>",
};

const kernels = await loadKernels();

function redact(texts: readonly string[], config: RedactConfig = marks) {
  const parts = texts.map((text) => Buffer.from(text, "utf8"));
  const offsets = new Int32Array(texts.length + 1);
  parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
  const { text, counts } = redactTexts(
    { values: Buffer.concat(parts), offsets, length: texts.length },
    config,
    kernels,
  );
  const redacted = texts.map((_, i) =>
    Buffer.from(text.values.subarray(text.offsets[i], text.offsets[i + 1])).toString(),
  );
  return { redacted, counts };
}

const one = (text: string, config?: RedactConfig): string => redact([text], config).redacted[0] as string;

/** Shown numbers are test numbers of their schemes or examples of the standards. */
const replaced: readonly (readonly [kind: RedactedKind, before: string, after: string])[] = [
  ["email", "Write to jane.doe+list@mail.uni-koeln.de.", "Write to <email>."],
  ["email", "<a@b.co>", "<<email>>"],
  ["email", "mailto:jane_doe@acme.io?subject=x", "mailto:<email>?subject=x"],
  ["email", "联系jane@acme.cn或", "联系<email>或"],
  ["email", "MAIL: JANE@ACME.COM, BOB@ACME.COM", "MAIL: <email>, <email>"],
  ["email", "Jane@acme.xn--p1ai", "<email>"],
  ["ipv4", "from 81.2.69.142 port 22", "from <ipv4> port 22"],
  ["ipv4", "http://81.2.69.142:8080/x", "http://<ipv4>:8080/x"],
  ["ipv4", "81.2.69.160/27.", "<ipv4>/27."],
  ["ipv4", "172.15.0.44 172.32.0.44 100.63.0.44 100.128.0.44", "<ipv4> <ipv4> <ipv4> <ipv4>"],
  ["ipv6", "at 2a00:1450:4009:80b::200e now", "at <ipv6> now"],
  ["ipv6", "[2600:1f18:24e6:b900:abcd:ef01:2345:6789]:443", "[<ipv6>]:443"],
  ["ipv6", "2600:1f18::1: yes", "<ipv6>: yes"],
  ["phone", "+49 30 901820 or", "<phone> or"],
  ["phone", "+44 (0)20 7946 0018", "<phone>"],
  ["phone", "+1-212-736-5000.", "<phone>."],
  ["phone", "(212) 736-5000", "<phone>"],
  ["phone", "212-736-5000, 212.736.5000", "<phone>, <phone>"],
  ["phone", "01 42 34 56 78 à", "<phone> à"],
  ["phone", "Tel.: 030 / 90 18 20", "Tel.: <phone>"],
  ["phone", "Téléphone: 0142345678", "Téléphone: <phone>"],
  ["phone", "Тел. 8 (495) 606-36-02", "Тел. <phone>"],
  ["iban", "IBAN: DE89 3704 0044 0532 0130 00, BIC", "IBAN: <iban>, BIC"],
  ["iban", "GB82WEST12345698765432", "<iban>"],
  ["iban", "NO93 8601 1117 947 is", "<iban> is"],
  ["iban", "MT84MALT011000012345MTLCAST001S.", "<iban>."],
  ["paymentCard", "card 4111 1111 1111 1111 exp", "card <card> exp"],
  ["paymentCard", "5555-5555-5555-4444", "<card>"],
  ["paymentCard", "378282246310005", "<card>"],
  ["paymentCard", "3782 822463 10005", "<card>"],
  ["paymentCard", "2223003122003222 6011111111111117 3530111333300000", "<card> <card> <card>"],
  ["paymentCard", "30569309025904", "<card>"],
];

const kept: readonly (readonly [why: string, text: string])[] = [
  ["addresses of example domains", "jane@example.com, x@mail.example.org, y@host.test, z@localhost"],
  ["handles", "@jane, follow @acme.social now"],
  ["packages with versions", "npm install react@18.2.0 lodash@latest"],
  ["names of images", "icon@2x.png"],
  ["repositories", "git clone git@github.com:acme/tool.git"],
  ["accounts in URLs", "https://deploy@build.acme.com/x and ssh://git@acme.com/x"],
  ["decorators and matrix products", "@app.route a @b.c A@B"],
  ["private, loopback and reserved IPv4", "10.1.22.33 127.0.0.1 169.254.7.7 172.16.0.1 172.31.255.255 192.168.1.70"],
  ["shared, test and documentation IPv4", "100.64.0.1 100.127.255.255 198.18.0.1 192.0.2.44 198.51.100.7 203.0.113.9"],
  [
    "multicast, netmasks and what is no IPv4",
    "224.0.0.251 255.255.255.0 256.81.2.69 81.2.69 81.2.69.142.7 081.2.69.142",
  ],
  ["versions", "v81.2.69.142 version 81.2.69.142 Chrome/81.2.69.142 1.2.3.4 and lib-81.2.69.142 81.2.69.142b"],
  ["numbers of sections", "see 4.11.2.3, 12.0.0.19 and 28.8.4.1"],
  ["dates and times", "2023-10-12 12.10.2023 12/10/2023 10:30:45 2023-10-12T10:30:45 1984-2004"],
  [
    "local and documentation IPv6",
    "::1 fe80::1 fd00::1 2001:db8::42 2001:0db8:0:0:0:0:0:1 3fff:12::1 2002:c000:204::1",
  ],
  [
    "MAC addresses, hashes and paths of code",
    "20:1f:3b:aa:bb:cc abc::def std::vector 2600:abc 2600::1::2 2600:1:2:3:4:5:6:7:8",
  ],
  ["IPv6 with a group too long, and networks", "2600:12345::1 2600:: 2000::/3 2001:470::/32 RFC 2822::"],
  ["bytes of dumps", "00 02 05 00 00 03 01 d2 | 01 00 00 00 89 44"],
  ["IBANs with a wrong checksum", "DE88 3704 0044 0532 0130 00 GB83WEST12345698765432"],
  ["IBANs of a wrong length or unknown country", "DE8937040044053201300 ZZ89370400440532013000 de89370400440532013000"],
  ["IBANs inside longer names", "XDE89370400440532013000 DE893704004405320130001"],
  ["cards with a wrong checksum", "4111 1111 1111 1112 378282246310006"],
  ["cards of no issuer, wrong length or wrong grouping", "1234567890123452 411111111111111 41 1111 11111111 11"],
  [
    "digits of decimals and longer numbers",
    "0.4111111111111111 41111111111111110000 a4111111111111111 3,4111111111111111",
  ],
  ["cards that are one digit again and again", "4444444444444448 0000 0000 0000 0000".replace("4444444444444448 ", "")],
  ["phones of fiction", "212-555-0142"],
  ["book numbers, ranges and sums", "978-3-16-148410-0 1200-1500-1800 +5 +100 000 +12345678 1+2345678901"],
  ["serial numbers and coordinates", "90182030 123 456 7890 40.7128,-74.0060 1.212-736-50001"],
  ["numbers in code", "x=+15551234567890123 0x4111111111111111 port=2127365000"],
];

describe("redactTexts", () => {
  it.each(replaced)("replaces %s in %s", (kind, before, after) => {
    expect(one(before)).toBe(after);
    expect(one(before, { ...marks, [kind]: false })).not.toContain(marks[kind] as string);
  });

  it.each(kept)("leaves %s", (_why, text) => {
    expect(one(text)).toBe(text);
  });

  it("by default leaves phone numbers and takes out what proves itself or FineWeb takes out", () => {
    const config = redactConfigSchema.parse({});
    const before = "jane@acme.com 81.2.69.142 +49 30 901820 DE89370400440532013000";
    expect(one(before, config)).toBe("email@example.com 22.214.171.124 +49 30 901820 XX00 0000 0000 0000");
  });

  it("counts finds by kind, texts and bytes, so that no byte is lost", () => {
    const texts = ["jane@acme.com and bob@acme.com", "nothing 12", "", "4111111111111111 é 81.2.69.142"];
    const { redacted, counts } = redact(texts, { ...marks, phone: false });
    const bytes = (all: readonly string[]): number => Buffer.byteLength(all.join(""));
    expect(counts.found).toEqual({ email: 2, ipv4: 1, ipv6: 0, iban: 0, paymentCard: 1 });
    expect(counts.changed).toBe(2);
    expect(bytes(texts) - counts.bytesOut + counts.bytesIn).toBe(bytes(redacted));
  });

  it("does not look beyond a text's borders", () => {
    expect(redact(["jane@ac", "me.com 4111111111", "111111", "81.2.69.1", "42"]).redacted[0]).toBe("jane@ac");
    expect(redact(["x", "81.2.69.142", "y"]).redacted).toEqual(["x", "<ipv4>", "y"]);
  });

  it("changes and counts nothing more when it redacts again, and keeps all else in its place", () => {
    const config = redactConfigSchema.parse({ phone: "+1 202 555 0100" });
    const piece = fc.oneof(
      fc.constantFrom(...replaced.map(([, before]) => before), ...kept.map(([, text]) => text)),
      fc.string({ unit: "grapheme", maxLength: 6 }),
      fc.constantFrom(" ", "\n", "@", ".", ":", "+", "-", "1", "22", "4111"),
    );
    fc.assert(
      fc.property(fc.array(fc.array(piece, { maxLength: 12 }), { maxLength: 4 }), (rows) => {
        const texts = rows.map((row) => row.join(" "));
        const once = redact(texts, config);
        const again = redact(once.redacted, config);
        expect(again.redacted).toEqual(once.redacted);
        expect(again.counts.changed).toBe(0);
        const alone = texts.map((text) => one(text, config));
        expect(alone).toEqual(once.redacted);
      }),
    );
  });

  it.each([
    ["at signs", "@".repeat(1_000_000)],
    ["addresses that never end", "a.".repeat(500_000)],
    ["an address with a long domain", `a@${"b.".repeat(500_000)}`],
    ["digits", "4".repeat(1_000_000)],
    ["groups of digits", "4111 ".repeat(200_000)],
    ["colons and digits", "2600:".repeat(200_000)],
    ["plus signs", "+4".repeat(500_000)],
    ["country codes", "DE89 ".repeat(200_000)],
  ])("ends soon on a megabyte of %s", (_name, text) => {
    expect(one(text)).toHaveLength(text.length);
  });

  it.each([
    "Téléphone: 0142345678 (415) 415-2671",
    "Téléphone: 0142345678 +1 (415) 415-2671",
    "Tel: 0142345678 4154152671",
  ])("takes two phone numbers in a row for two: redacting %j again changes nothing", (text) => {
    const config = { ...marks, phone: "+1 202 555 0100" };
    const [once = ""] = redact([text], config).redacted;
    expect(once.startsWith(text.slice(0, text.indexOf("0")) + config.phone)).toBe(true);
    expect(redact([once], config).redacted).toEqual([once]);
  });
});
