/** Makes a failing input small: fewer texts, then fewer bytes, as long as it still fails (ddmin, Zeller 2002). */

/** @param fails whether these texts still fail; called until `deadlineMs` (of performance.now) at most */
export function minimize(
  texts: readonly Uint8Array[],
  fails: (texts: readonly Uint8Array[]) => boolean,
  deadlineMs: number,
): readonly Uint8Array[] {
  const late = (): boolean => performance.now() > deadlineMs;
  let best = reduce(texts, (some) => fails(some), late);
  for (let i = 0; i < best.length && !late(); i++) {
    const withText = (bytes: readonly number[]): Uint8Array[] =>
      best.map((text, j) => (j === i ? Uint8Array.from(bytes) : text));
    const bytes = reduce([...(best[i] as Uint8Array)], (some) => fails(withText(some)), late);
    best = withText(bytes);
  }
  return best;
}

/** Leaves out ever smaller stretches of items. */
function reduce<T>(items: readonly T[], fails: (items: readonly T[]) => boolean, late: () => boolean): readonly T[] {
  let best = items;
  for (let size = Math.ceil(items.length / 2); size >= 1 && !late(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length && !late();) {
      const shorter = [...best.slice(0, at), ...best.slice(at + size)];
      if (fails(shorter)) best = shorter;
      else at += size;
    }
  }
  return best;
}
