/**
 * Replaces personal data in texts by placeholders and counts it by kind; which kinds and what stands for them is config.
 *
 * One look at each byte decides whether anything can begin there (`@`, a digit, `+`, `(`), so texts without such bytes
 * cost little and a batch without a find is handed back as it came. Redacting twice changes and counts nothing more.
 */
import type { RedactConfig } from "../../schemas/config/extract.ts";
import type { TextColumn } from "../kernels/types.ts";
import { findIban, findPaymentCard, findPhone } from "./account-numbers.ts";
import { asciiOf, findEmail, findIpv4, findIpv6, isDigit, type ByteRange, type TextBytes } from "./addresses.ts";

export type RedactedKind = keyof RedactConfig;

/** What redaction did to a batch. */
export interface RedactCounts {
  /** Replacements by kind; kinds that are off are missing. */
  readonly found: Partial<Record<RedactedKind, number>>;
  /** Texts with at least one. */
  changed: number;
  /** Bytes taken out, and bytes of placeholders put in. */
  bytesOut: number;
  bytesIn: number;
}

export interface RedactedTexts {
  /** The input itself when nothing was found. */
  readonly text: TextColumn;
  readonly counts: RedactCounts;
}

interface Finding extends ByteRange {
  readonly kind: RedactedKind;
}

/** Redacts every text of a column of valid UTF-8. */
export function redactTexts(column: TextColumn, config: RedactConfig): RedactedTexts {
  const { values, offsets, length } = column;
  const placeholders = new Map<RedactedKind, Uint8Array>();
  const counts: RedactCounts = { found: {}, changed: 0, bytesOut: 0, bytesIn: 0 };
  for (const [kind, text] of Object.entries(config) as [RedactedKind, string | false][]) {
    if (text === false) continue;
    placeholders.set(kind, Buffer.from(text, "utf8"));
    counts.found[kind] = 0;
  }
  if (placeholders.size === 0) return { text: column, counts };
  const parts: Uint8Array[] = [];
  const newOffsets = new Int32Array(length + 1);
  let copied = offsets[0] as number;
  let written = 0;
  const copyTo = (end: number): void => {
    if (end > copied) parts.push(values.subarray(copied, end));
    written += Math.max(0, end - copied);
    copied = Math.max(copied, end);
  };
  for (let row = 0; row < length; row++) {
    const text = { values, start: offsets[row] as number, end: offsets[row + 1] as number };
    let changed = false;
    for (const { kind, start, end } of findAll(text, config)) {
      const placeholder = placeholders.get(kind) as Uint8Array;
      copyTo(start);
      parts.push(placeholder);
      written += placeholder.length;
      copied = end;
      counts.found[kind] = (counts.found[kind] as number) + 1;
      counts.bytesOut += end - start;
      counts.bytesIn += placeholder.length;
      changed = true;
    }
    copyTo(text.end);
    newOffsets[row + 1] = written;
    if (changed) counts.changed++;
  }
  if (counts.changed === 0) return { text: column, counts };
  return { text: { values: Buffer.concat(parts, written), offsets: newOffsets, length }, counts };
}

/** Findings of a text in order, none overlapping another; a placeholder is none. */
function findAll(text: TextBytes, config: RedactConfig): readonly Finding[] {
  const { values } = text;
  const found: Finding[] = [];
  /** End of the last finding: nothing may begin before it. */
  let free = text.start;
  for (let at = text.start; at < text.end; at++) {
    const byte = values[at] as number;
    if (byte > 0x40 || byte < 0x28) continue;
    let finding: Finding | undefined;
    if (byte === 0x40) finding = config.email === false ? undefined : of("email", findEmail(text, at));
    else if (isDigit(byte)) {
      if (at > free && isDigit(values[at - 1])) continue;
      finding = findNumber(text, at, config);
    } else if ((byte === 0x2b || byte === 0x28) && config.phone !== false) finding = of("phone", findPhone(text, at));
    if (finding === undefined || finding.start < free) continue;
    at = finding.end - 1;
    free = finding.end;
    if (asciiOf(text, finding) !== config[finding.kind]) found.push(finding);
  }
  return found;
}

/** What begins with the first digit of a run; of several kinds the one that proves itself best. */
function findNumber(text: TextBytes, at: number, config: RedactConfig): Finding | undefined {
  let found: Finding | undefined;
  if (config.iban !== false) found = of("iban", findIban(text, at));
  if (config.paymentCard !== false) found ??= of("paymentCard", findPaymentCard(text, at));
  if (config.ipv4 !== false) found ??= of("ipv4", findIpv4(text, at));
  if (config.ipv6 !== false) found ??= of("ipv6", findIpv6(text, at));
  if (config.phone !== false) found ??= of("phone", findPhone(text, at));
  return found;
}

function of(kind: RedactedKind, range: ByteRange | undefined): Finding | undefined {
  return range === undefined ? undefined : { kind, ...range };
}
