/** What must stand around the first digit of a run, so that one of the wanted things may begin there. */

/** @param p the digit; @param index its position; @param left bytes from it to the end of the texts */
export function lookAround(p: usize, index: i32, left: i32, flags: i32): bool {
  // An address has a point or colon behind at most four hexadecimal digits.
  if ((flags & 2) != 0) {
    const near = min(4, left - 1);
    for (let i = 1; i <= near; i++) {
      const byte = load<u8>(p + (i as usize)) as u32;
      if (byte == 0x2e || byte == 0x3a) return true;
    }
  }
  // Two capitals stand before an IBAN's check digits.
  if ((flags & 4) != 0 && index > 0) {
    const byte = load<u8>(p - 1) as u32;
    if (byte >= 0x41 && byte <= 0x5a) return true;
  }
  // A card number begins with at least four digits.
  return (flags & 8) != 0 && left > 3 && isDigit(p + 1) && isDigit(p + 2) && isDigit(p + 3);
}

// @ts-ignore: decorator
@inline
function isDigit(p: usize): bool {
  return (load<u8>(p) as u32) - 0x30 < 10;
}
