/** C4's line rules through WebAssembly, alone or with the counts before and after them. */
import {
  filterStatisticNames,
  finewebStatisticNames,
  type C4Edit,
  type C4LineRules,
  type C4Measure,
  type EditedStatisticsChoice,
} from "./filter-types.ts";
import { chosenStatistics, cutPieces, statisticColumns, takeColumns, type FilterExports } from "./filter-wasm.ts";
import type { KernelInstance, PlacedColumn } from "./instance.ts";
import { c4Lines, measureC4 } from "./reference/c4-lines.ts";
import type { TextColumn } from "./types.ts";

/** Makes the fast kernels of an instance whose tables `wasmFilterStatistics` set. */
export function wasmC4(instance: KernelInstance): {
  editC4Lines(column: TextColumn, rules: C4LineRules): C4Edit;
  measureC4(column: TextColumn, rules: C4LineRules, choice?: EditedStatisticsChoice): C4Measure;
} {
  // The module is built from assembly/index.ts, which exports these.
  const exports = instance.exports as FilterExports;
  return {
    editC4Lines(column, rules) {
      setRules(exports, rules);
      const edit = new EditColumns(column);
      for (const { piece, row, fast } of cutPieces(column)) {
        if (!fast) {
          edit.append(c4Lines(piece, rules), row);
          continue;
        }
        instance.beginBatch();
        const { values, offsets, length, bytes } = instance.placeColumn(piece);
        const target = new EditTarget(instance, length, bytes);
        exports.editC4Lines(values, offsets, length, target.text, target.offsets, target.findings);
        edit.append(target.take(), row);
      }
      return edit.finish();
    },
    measureC4(column, rules, choice = "all") {
      setRules(exports, rules);
      const edit = new EditColumns(column);
      const statistics = statisticColumns(column.length);
      const edited = statisticColumns(column.length);
      const names = choice === "all" ? filterStatisticNames : finewebStatisticNames;
      for (const { piece, row, fast } of cutPieces(column)) {
        if (!fast) {
          const measured = measureC4(piece, rules, "all");
          edit.append(measured.edit, row);
          for (const name of filterStatisticNames) {
            statistics[name].set(measured.statistics[name], row);
            edited[name].set(measured.edited[name] ?? [], row);
          }
          continue;
        }
        instance.beginBatch();
        const placed = instance.placeColumn(piece);
        const target = new EditTarget(instance, placed.length, placed.bytes);
        const counts = measure(instance, exports, placed, target, choice);
        edit.append(target.take(), row);
        takeColumns(instance, counts.before, placed.length, statistics, row);
        takeColumns(instance, counts.after, placed.length, edited, row);
      }
      return { statistics, edit: edit.finish(), edited: chosenStatistics(edited, names) };
    },
  };
}

function measure(
  instance: KernelInstance,
  exports: FilterExports,
  { values, offsets, length, longest }: PlacedColumn,
  target: EditTarget,
  choice: EditedStatisticsChoice,
): { readonly before: number; readonly after: number } {
  const bytes = filterStatisticNames.length * length * 4;
  const before = instance.allocate(bytes);
  const after = instance.allocate(bytes);
  const buffer = instance.allocate(exports.filterBufferBytes(longest));
  const all = choice === "all" ? 1 : 0;
  const { text, offsets: textOffsets, findings } = target;
  exports.measureC4(values, offsets, length, longest, buffer, before, text, textOffsets, findings, after, all);
  return { before, after };
}

/** Bits as assembly/c4-lines.ts names them. */
function setRules(exports: FilterExports, rules: C4LineRules): void {
  const bits =
    (rules.terminalPunctuation ? 1 : 0) |
    (rules.removeCitations ? 2 : 0) |
    (rules.javascript ? 4 : 0) |
    (rules.policy ? 8 : 0) |
    (rules.loremIpsum ? 16 : 0) |
    (rules.curlyBracket ? 32 : 0);
  exports.setC4Rules(bits, rules.minWordsPerLine ?? 0, rules.maxWordLength ?? -1);
}

const findingCount = 6;

/** Where the kernel puts the edited texts of a piece and what it found. */
class EditTarget {
  readonly text: number;
  readonly offsets: number;
  readonly findings: number;
  readonly #instance: KernelInstance;
  readonly #length: number;

  constructor(instance: KernelInstance, length: number, bytes: number) {
    this.#instance = instance;
    this.#length = length;
    this.text = instance.allocate(bytes);
    this.offsets = instance.allocate((length + 1) * 4);
    this.findings = instance.allocate(findingCount * length * 4);
  }

  /** What the kernel found; the text is lent until the next batch. */
  take(): C4Edit {
    const length = this.#length;
    const offsets = this.#instance.readInt32(this.offsets, length + 1);
    const values = this.#instance.memory().subarray(this.text, this.text + (offsets[length] as number));
    const found = this.#instance.readUint32(this.findings, findingCount * length);
    const finding = (i: number): Uint32Array => found.subarray(i * length, (i + 1) * length);
    return {
      text: { values, offsets, length },
      changed: Uint8Array.from(finding(0)),
      sentences: finding(1),
      loremIpsum: Uint8Array.from(finding(2)),
      curlyBracket: Uint8Array.from(finding(3)),
      keptLines: finding(4),
      droppedLines: finding(5),
    };
  }
}

/** The edits of pieces, put together. */
class EditColumns {
  readonly #edit: C4Edit;
  #bytes = 0;

  constructor({ offsets, length }: TextColumn) {
    const bytes = (offsets[length] as number) - (offsets[0] as number);
    this.#edit = {
      text: { values: new Uint8Array(bytes), offsets: new Int32Array(length + 1), length },
      changed: new Uint8Array(length),
      sentences: new Uint32Array(length),
      loremIpsum: new Uint8Array(length),
      curlyBracket: new Uint8Array(length),
      keptLines: new Uint32Array(length),
      droppedLines: new Uint32Array(length),
    };
  }

  append({ text, ...found }: C4Edit, row: number): void {
    const { values, offsets } = this.#edit.text;
    values.set(text.values, this.#bytes);
    for (let i = 1; i <= text.length; i++) offsets[row + i] = this.#bytes + (text.offsets[i] as number);
    this.#bytes += text.offsets[text.length] as number;
    for (const name of Object.keys(found) as (keyof typeof found)[]) this.#edit[name].set(found[name], row);
  }

  finish(): C4Edit {
    const { text } = this.#edit;
    return { ...this.#edit, text: { ...text, values: text.values.subarray(0, this.#bytes) } };
  }
}
