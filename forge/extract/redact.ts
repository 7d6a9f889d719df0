/**
 * Replaces personal data in texts by placeholders and counts it by kind; which kinds and what stands for them is config.
 *
 * A kernel finds the bytes at which something can begin (`@`, a digit with the right neighbours, `+`, `(`), so texts
 * without such bytes cost little, and a batch without a find is handed back as it came. Redacting twice changes and counts nothing more.
 */
import type { RedactConfig } from "../../schemas/config/extract.ts";
import type { CandidateKinds, TextColumn, TextKernels } from "../kernels/types.ts";
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

/** The loop over bytes; `loadKernels` gives the fast one. */
export type RedactKernels = Pick<TextKernels, "findCandidates">;

/** Redacts every text of a column of valid UTF-8. */
export function redactTexts(column: TextColumn, config: RedactConfig, kernels: RedactKernels): RedactedTexts {
  const changed = new Set<number>();
  let result = redactOnce(column, config, kernels, changed);
  const { counts } = result;
  // What stood beside a find may have hidden another. Placeholders are no finds, so this ends.
  for (let more = result; more.counts.bytesOut > 0;) {
    more = redactOnce(result.text, config, kernels, changed);
    counts.bytesOut += more.counts.bytesOut;
    counts.bytesIn += more.counts.bytesIn;
    for (const [kind, count] of Object.entries(more.counts.found) as [RedactedKind, number][]) {
      counts.found[kind] = (counts.found[kind] ?? 0) + count;
    }
    result = { text: more.text, counts };
  }
  counts.changed = changed.size;
  return result;
}

function redactOnce(
  column: TextColumn,
  config: RedactConfig,
  kernels: RedactKernels,
  changedRows: Set<number>,
): RedactedTexts {
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
  const candidates = kernels.findCandidates(column, kindsOf(config));
  let next = 0;
  for (let row = 0; row < length; row++) {
    const from = next;
    while (next < candidates.length && (candidates[next] as number) < (offsets[row + 1] as number)) next++;
    const text = { values, start: offsets[row] as number, end: offsets[row + 1] as number };
    let changed = false;
    for (const { kind, start, end } of findAll(text, config, candidates.subarray(from, next))) {
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
    if (changed) changedRows.add(row);
  }
  if (counts.bytesOut === 0) return { text: column, counts };
  return { text: { values: Buffer.concat(parts, written), offsets: newOffsets, length }, counts };
}

function kindsOf({ email, ipv4, ipv6, iban, paymentCard, phone }: RedactConfig): CandidateKinds {
  return {
    email: email !== false,
    address: ipv4 !== false || ipv6 !== false,
    iban: iban !== false,
    card: paymentCard !== false,
    phone: phone !== false,
  };
}

/**
 * Findings of a text in order, none overlapping another; a placeholder is none.
 *
 * @param candidates places to look at, ascending, besides the text's beginning and the ends of findings
 */
function findAll(text: TextBytes, config: RedactConfig, candidates: Uint32Array): readonly Finding[] {
  const found: Finding[] = [];
  /** End of the last finding: nothing may begin before it. */
  let free = text.start;
  const look = (at: number): void => {
    const finding = findingAt(text, at, config);
    if (finding === undefined || finding.start < free) return;
    free = finding.end;
    if (asciiOf(text, finding) !== config[finding.kind]) found.push(finding);
  };
  /** A number may go on where a text begins or a finding ends: such places are no beginnings of runs. */
  const lookAtFree = (): void => {
    for (let at = -1; at !== free && free < text.end && isDigit(text.values[free]);) {
      at = free;
      look(at);
    }
  };
  lookAtFree();
  for (const at of candidates) {
    if (at < free) continue;
    const before = free;
    look(at);
    if (free !== before) lookAtFree();
  }
  return found;
}

function findingAt(text: TextBytes, at: number, config: RedactConfig): Finding | undefined {
  const byte = text.values[at] as number;
  if (byte === 0x40) return config.email === false ? undefined : of("email", findEmail(text, at));
  if (isDigit(byte)) return findNumber(text, at, config);
  return config.phone === false ? undefined : of("phone", findPhone(text, at));
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
