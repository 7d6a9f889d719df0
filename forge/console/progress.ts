/**
 * Draws events: one live line on a terminal (at most 10 Hz), plain lines elsewhere (each 10 % or 30 s), NDJSON under
 * `--json`. Everything goes to stderr; stdout is for results.
 */
import type { ForgeEvent, ProgressEvent, Reporter } from "../base/events.ts";
import { formatBytes, formatCount, formatDuration } from "./format.ts";
import type { Style } from "./style.ts";

export interface DrawOptions {
  readonly write: (text: string) => void;
  readonly style: Style;
  /** A live line may be redrawn. */
  readonly terminal: boolean;
  readonly columns: number;
  /** Milliseconds; injected for tests. @default performance.now */
  readonly now?: () => number;
}

const redrawMs = 100;
const plainMs = 30_000;
const plainStep = 0.1;
/** Where lines stay, a stage that is over sooner is told by its end alone. */
const quickMs = 1000;

interface StageState {
  startedMs: number;
  drawnMs: number;
  drawnFraction: number;
}

/** A reporter for people. `close` wipes the live line. */
export function createProgress(options: DrawOptions): { readonly report: Reporter; readonly close: () => void } {
  const { write, style, terminal, columns, now = () => performance.now() } = options;
  const stages = new Map<string, StageState>();
  let live = false;

  const wipe = (): void => {
    if (live) write("\r\u001b[2K");
    live = false;
  };
  const line = (text: string): void => {
    wipe();
    write(`${text}\n`);
  };
  const stateOf = (stage: string): StageState => {
    const known = stages.get(stage);
    if (known !== undefined) return known;
    const fresh = { startedMs: now(), drawnMs: Number.NEGATIVE_INFINITY, drawnFraction: 0 };
    stages.set(stage, fresh);
    return fresh;
  };

  const progress = (event: ProgressEvent): void => {
    const state = stateOf(event.stage);
    const elapsed = now() - state.startedMs;
    const fraction = event.total === undefined || event.total === 0 ? 0 : event.done / event.total;
    const due = terminal
      ? now() - state.drawnMs >= redrawMs
      : elapsed >= quickMs &&
        fraction < 1 &&
        (now() - state.drawnMs >= plainMs || fraction - state.drawnFraction >= plainStep);
    if (!due) return;
    state.drawnMs = now();
    state.drawnFraction = fraction;
    const text = describe(event, elapsed, fraction);
    if (terminal) {
      wipe();
      write(`${style.dim("·")} ${clip(text, columns - 3)}`);
      live = true;
    } else line(`  ${text}`);
  };

  const report = (event: ForgeEvent): void => {
    switch (event.type) {
      case "stage-start": {
        stages.set(event.stage, { startedMs: now(), drawnMs: Number.NEGATIVE_INFINITY, drawnFraction: 0 });
        if (event.message !== undefined) line(`${style.dim("·")} ${event.stage}: ${event.message}`);
        return;
      }
      case "stage-progress":
        return progress(event);
      case "stage-end": {
        const figures = formatFigures(event.figures);
        return line(
          `${style.green("✓")} ${event.stage} ${style.dim(formatDuration(event.elapsedMs))}${figures === "" ? "" : `  ${figures}`}`,
        );
      }
      case "task-skip":
        return;
      case "note":
        return line(`${style.dim("·")} ${event.message}`);
      case "warning":
        return line(`${style.yellow("!")} ${event.message}`);
      default:
        event satisfies never;
    }
  };
  return { report, close: wipe };
}

function describe(event: ProgressEvent, elapsedMs: number, fraction: number): string {
  const amount = event.unit === "bytes" ? formatBytes : formatCount;
  const parts = [event.stage];
  if (event.total !== undefined && event.total > 0) parts.push(`${Math.floor(fraction * 100)} %`);
  const unit = event.done === 1 ? event.unit.replace(/s$/, "") : event.unit;
  parts.push(`${amount(event.done)}${event.unit === "bytes" ? "" : ` ${unit}`}`);
  const perSecond = elapsedMs > 0 ? (event.done / elapsedMs) * 1000 : 0;
  // How many tasks a second tells nobody anything.
  if (event.unit !== "tasks" && elapsedMs > 1000 && perSecond > 0) parts.push(`${amount(perSecond)}/s`);
  const figures = formatFigures(event.figures);
  if (figures !== "") parts.push(figures);
  if (fraction > 0.02 && elapsedMs > 1000 && fraction < 1) {
    parts.push(`${formatDuration((elapsedMs * (1 - fraction)) / fraction)} left`);
  }
  return parts.join("  ");
}

function formatFigures(figures: Readonly<Record<string, string | number>> | undefined): string {
  return Object.entries(figures ?? {})
    .map(([name, value]) => `${name} ${typeof value === "number" ? formatCount(value) : value}`)
    .join("  ");
}

function clip(text: string, width: number): string {
  return text.length <= width || width < 10 ? text : `${text.slice(0, width - 1)}…`;
}
