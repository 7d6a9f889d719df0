/** Where the time of a loop goes: milliseconds between one lap and the next, added up by name. */

export interface Laps {
  /** Time since the last lap, or since the beginning, belongs to `name`. */
  readonly lap: (name: string) => void;
  /** What was added up since the last call. */
  readonly take: () => Readonly<Record<string, number>>;
}

/** @param now clock in milliseconds */
export function startLaps(now: () => number = () => performance.now()): Laps {
  let last = now();
  let sums: Record<string, number> = {};
  return {
    lap(name) {
      const at = now();
      sums[name] = (sums[name] ?? 0) + at - last;
      last = at;
    },
    take() {
      const taken = sums;
      sums = {};
      return taken;
    },
  };
}
