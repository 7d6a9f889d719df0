/** Places where something to redact may begin, found plainly: the twin of `assembly/candidates.ts`. */
import type { CandidateKinds, TextColumn } from "../types.ts";

export function findCandidates({ values, offsets, length }: TextColumn, kinds: CandidateKinds): Uint32Array {
  const start = offsets[0] as number;
  const end = offsets[length] as number;
  const byteAt = (at: number): number => (at >= start && at < end ? (values[at] as number) : 0);
  const isDigit = (at: number): boolean => byteAt(at) >= 0x30 && byteAt(at) <= 0x39;
  const found: number[] = [];
  for (let at = start; at < end; at++) {
    const byte = byteAt(at);
    if (byte === 0x40) {
      if (kinds.email) found.push(at);
    } else if (byte === 0x2b || byte === 0x28) {
      if (kinds.phone) found.push(at);
    } else if (isDigit(at) && !isDigit(at - 1)) {
      const near = [1, 2, 3, 4].map((i) => byteAt(at + i));
      const isAddress = kinds.address && near.some((one) => one === 0x2e || one === 0x3a);
      const isIban = kinds.iban && byteAt(at - 1) >= 0x41 && byteAt(at - 1) <= 0x5a;
      const isCard = kinds.card && isDigit(at + 1) && isDigit(at + 2) && isDigit(at + 3);
      if (kinds.phone || isAddress || isIban || isCard) found.push(at);
    }
  }
  return Uint32Array.from(found);
}
