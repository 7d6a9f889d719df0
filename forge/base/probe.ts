/**
 * Probes for `doctor`: each looks for one thing and says what it found. Rooms export their own; the programs' `doctor`
 * commands compose them.
 */
import { statfs } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";

export interface ProbeResult {
  readonly name: string;
  /** `ok`: there. `optional`: absent, and only some features need it. `missing`: nothing works without it. */
  readonly status: "ok" | "optional" | "missing";
  readonly detail: string;
  readonly hint?: string;
}

/** Must not throw for an absent thing; an unexpected error is shown as the probe's detail. */
export interface Probe {
  readonly name: string;
  readonly look: (signal: AbortSignal) => Promise<Omit<ProbeResult, "name">>;
}

/** Runs probes side by side; the order of results is that of the probes. */
export async function runProbes(probes: readonly Probe[], signal: AbortSignal): Promise<readonly ProbeResult[]> {
  return await Promise.all(
    probes.map(async ({ name, look }): Promise<ProbeResult> => {
      try {
        return { name, ...(await look(signal)) };
      } catch (error) {
        signal.throwIfAborted();
        return { name, status: "optional", detail: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

/** The running Node, cores and memory. */
export function nodeProbe(): Probe {
  return {
    name: "node",
    look: () => {
      const detail = `${process.version}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
      return Promise.resolve({ status: "ok", detail });
    },
  };
}

/** Free space where outputs go. */
export function diskProbe(folder: string, formatBytes: (bytes: number) => string): Probe {
  return {
    name: "disk",
    look: async () => {
      const { bavail, bsize } = await statfs(folder);
      const free = bavail * bsize;
      return free < 2e9
        ? { status: "missing", detail: `${formatBytes(free)} free`, hint: "free at least 2 GB" }
        : { status: "ok", detail: `${formatBytes(free)} free` };
    },
  };
}

/** WebAssembly SIMD, which the fast kernels need; without it their plain twins run. */
export function kernelsProbe(): Probe {
  // (module (func (result v128) i32.const 0 i8x16.splat))
  const simd = new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
  ]);
  return {
    name: "wasm simd",
    look: () =>
      Promise.resolve(
        WebAssembly.validate(simd)
          ? { status: "ok", detail: "128-bit" }
          : { status: "optional", detail: "absent", hint: "text kernels run their plain, slower twins" },
      ),
  };
}
