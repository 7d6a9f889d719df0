/** Rows on their way into a run file: gathered until there are enough to be sorted and written. */
import { growingUint32, type RunFileWriter } from "../base/index.ts";

/** Rows gathered before they are sorted and written as a run. */
export const runRows: number = 1 << 19;

export interface Spill {
  push(...words: readonly number[]): void;
  isFull(): boolean;
  /** Writes what is there as a run. */
  flush(): Promise<void>;
}

export function spill(runs: RunFileWriter, section: string, width: number, rows: number = runRows): Spill {
  const columns = Array.from({ length: width }, () => growingUint32());
  return {
    push(...words) {
      for (let word = 0; word < width; word++) columns[word]?.push(words[word] as number);
    },
    isFull: () => (columns[0]?.length ?? 0) >= rows,
    async flush() {
      await runs.append(
        section,
        columns.map((column) => column.finish()),
      );
      for (const column of columns) column.clear();
    },
  };
}
