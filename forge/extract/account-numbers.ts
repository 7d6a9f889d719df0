/**
 * Phone, bank account and payment card numbers in UTF-8 bytes, found from their first byte. Ranges as in addresses.ts.
 *
 * Accounts and cards prove themselves by checksum (ISO 13616 and 7064, ISO/IEC 7812); phone numbers cannot, so only
 * forms are taken that hardly anything else has.
 */
import { asciiOf, byteAt, isAlphanumeric, isDigit, isLetter, type ByteRange, type TextBytes } from "./addresses.ts";

const blank = 0x20;
const hyphen = 0x2d;
const dot = 0x2e;

/** Length of an IBAN by country (SWIFT's IBAN registry, release 99). */
const ibanLengths: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 " +
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 " +
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** The IBAN whose check digits begin at an index: country before, groups of four with or without blanks behind. */
export function findIban(text: TextBytes, at: number): ByteRange | undefined {
  const start = at - 2;
  if (start < text.start || !isDigit(byteAt(text, at + 1))) return undefined;
  if (!isCapital(text.values[start]) || !isCapital(text.values[start + 1])) return undefined;
  if (isAlphanumeric(byteAt(text, start - 1))) return undefined;
  const wanted = ibanLengths.get(asciiOf(text, { start, end: at }));
  if (wanted === undefined) return undefined;
  let found = "";
  let end = start;
  const grouped = byteAt(text, start + 4) === blank;
  while (found.length < wanted) {
    if (grouped && found.length % 4 === 0 && found.length > 0 && byteAt(text, end++) !== blank) return undefined;
    const byte = byteAt(text, end++);
    if (!isDigit(byte) && !isCapital(byte)) return undefined;
    found += String.fromCharCode(byte as number);
  }
  if (isAlphanumeric(byteAt(text, end))) return undefined;
  return remainder97(found.slice(4) + found.slice(0, 4)) === 1 ? { start, end } : undefined;
}

function isCapital(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a;
}

/** ISO 7064 MOD 97-10, letters as 10 to 35. */
function remainder97(text: string): number {
  let rest = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    rest = code < 0x41 ? (rest * 10 + code - 0x30) % 97 : (rest * 100 + code - 0x37) % 97;
  }
  return rest;
}

/** Issuers by their first digits: lengths of the number. */
const issuers: readonly (readonly [prefix: RegExp, lengths: readonly number[]])[] = [
  [/^4/, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^(?:6011|64[4-9]|65)/, [16, 19]],
  [/^(?:30[0-5]|3[689])/, [14]],
  [/^35(?:2[89]|[3-8])/, [16]],
  [/^62/, [16, 17, 18, 19]],
];

/** How numbers are grouped in print, as lengths of the groups. */
const cardGroups: ReadonlySet<string> = new Set(["4-4-4-4", "4-6-5", "4-6-4", "4-4-4-4-3", "6-13"]);

/** The payment card number that begins with the digit at an index: 13 to 19 digits, plain or grouped as in print. */
export function findPaymentCard(text: TextBytes, start: number): ByteRange | undefined {
  const first = text.values[start] as number;
  if (first < 0x32 || first > 0x36 || isPartOfNumber(text, start)) return undefined;
  let end = start;
  while (end - start <= 19 && isDigit(byteAt(text, end))) end++;
  if (end - start < 4 || end - start > 19) return undefined;
  if (end - start < 13) {
    end = groupedEnd(text, start, end);
    if (end < 0) return undefined;
  }
  const after = byteAt(text, end);
  if (isLetter(after) || ((after === dot || after === hyphen) && isDigit(byteAt(text, end + 1)))) return undefined;
  const digits = asciiOf(text, { start, end }).replace(/[ -]/g, "");
  const issued = issuers.some(([prefix, lengths]) => prefix.test(digits) && lengths.includes(digits.length));
  return issued && passesLuhn(digits) && !/^(\d)\1+$/.test(digits) ? { start, end } : undefined;
}

/** Where a number in groups ends, all of them separated by blanks or all by hyphens; -1 if no card is grouped so. */
function groupedEnd(text: TextBytes, start: number, firstEnd: number): number {
  const separator = byteAt(text, firstEnd);
  if (separator !== blank && separator !== hyphen) return -1;
  const groups = [firstEnd - start];
  let end = firstEnd;
  while (groups.length < 6 && byteAt(text, end) === separator && isDigit(byteAt(text, end + 1))) {
    const from = end + 1;
    end = from;
    while (end - from < 14 && isDigit(byteAt(text, end))) end++;
    groups.push(end - from);
  }
  return cardGroups.has(groups.join("-")) ? end : -1;
}

/** True when a digit, letter or a point with a digit before it stands before. */
function isPartOfNumber(text: TextBytes, start: number): boolean {
  const before = byteAt(text, start - 1);
  if (isAlphanumeric(before) || before === 0x5f) return true;
  return (before === dot || before === hyphen || before === 0x2c) && isAlphanumeric(byteAt(text, start - 2));
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
    const digit = digits.charCodeAt(at) - 0x30;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return sum % 10 === 0;
}

/** Country calling codes (ITU-T E.164). One that is the beginning of another does not exist. */
const callingCode =
  /^(?:1|7|2[07]|2[1-689]\d|3[0-469]|3[578]\d|4[013-9]|42\d|5[1-8]|5[09]\d|6[0-6]|6[7-9]\d|8[1246]|8[035789]\d|9[0-58]|9[679]\d)/;
/** Longest form with separators that is looked at. */
const maxPhoneLength = 28;
const international = /^\+(\d{1,3}[ ./-]?(?:\(0?\d{1,4}\)[ ./-]?)?\d{1,11}(?:[ ./-]\d{2,8}){0,5})(?![\d\w])/;
const northAmerican = /^(?:1[-. ])?(?:\(([2-9]\d\d)\) ?|([2-9]\d\d)([-.]))([2-9]\d\d)([-.])(\d{4})(?![\d\w]|[-.]\d)/;
const french = /^0[1-9](?:([ .-])\d\d)(?:\1\d\d){3}(?![\d\w]|[-. ][\da-f]{2}\b)/i;
const afterWord = /^(?:\(?\+?\d[\d ()/.-]{5,24}\d)(?![\d\w])/;
const phoneWord =
  /(?:\b(?:tele?(?:phone|fon[eo]?)?|phone|fax|mobile?|cell|mobil|handy|call us|ring)\b|\bt[ée]l[ée]?(?:phone|fono|fone)?\b|电话|電話|тел)[.:)\s]{0,3}$/i;

/** The phone number that begins with the `+`, `(` or digit at an index. */
export function findPhone(text: TextBytes, start: number): ByteRange | undefined {
  const before = byteAt(text, start - 1);
  if (isAlphanumeric(before) || before === 0x5f || before === 0x2b || before === 0x2f || before === 0x3d)
    return undefined;
  if ((before === dot || before === hyphen || before === 0x2c) && isAlphanumeric(byteAt(text, start - 2)))
    return undefined;
  const form = asciiOf(text, { start, end: Math.min(text.end, start + maxPhoneLength) });
  const found = form.startsWith("+") ? internationalNumber(form) : nationalNumber(form, text, start);
  return found === undefined ? undefined : { start, end: start + found.length };
}

function internationalNumber(form: string): string | undefined {
  const found = international.exec(form)?.[0];
  const digits = found?.replace(/\D/g, "") ?? "";
  if (digits.length < 9 || digits.length > 15 || !callingCode.test(digits)) return undefined;
  return /^[17]/.test(digits) && digits.length !== 11 ? undefined : found;
}

function nationalNumber(form: string, text: TextBytes, start: number): string | undefined {
  const american = northAmerican.exec(form);
  if (american !== null) {
    const [found, , , first, exchange, second, line = ""] = american;
    // 555-0100 to 555-0199 are for fiction.
    const isFiction = exchange === "555" && line.startsWith("01");
    if (!isFiction && (first === undefined || first === second)) return found;
  }
  const paired = french.exec(form);
  if (paired !== null && !/(?:^|\W)[\da-f]{2}[ .-]$/i.test(beforeOf(text, start, 4))) return paired[0];
  if (!phoneWord.test(beforeOf(text, start, 16))) return undefined;
  const all = afterWord.exec(form)?.[0];
  // Two numbers in a row: the first of them. An area code in brackets does not stand behind seven digits.
  let found = all === undefined ? undefined : (/^((?:\D*\d){7}[^(]*\d)\D*\(/.exec(all)?.[1] ?? all);
  while (found !== undefined && digitsOf(found) > 15) found = /^(.*\d)\D+\d+$/.exec(found)?.[1];
  return found !== undefined && digitsOf(found) >= 7 ? found : undefined;
}

function digitsOf(form: string): number {
  return form.replace(/\D/g, "").length;
}

/** The text before an index, read as UTF-8. */
function beforeOf(text: TextBytes, start: number, bytes: number): string {
  const from = Math.max(text.start, start - bytes);
  return Buffer.from(text.values.buffer, text.values.byteOffset + from, start - from).toString("utf8");
}
