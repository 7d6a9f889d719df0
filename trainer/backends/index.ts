/** Training backends by name. `wasm` is the embedded one and the only one yet. */
import type { Backend, BackendOptions } from "./backend.ts";

export type * from "./backend.ts";

export const backendNames = ["wasm"] as const;
export type BackendName = (typeof backendNames)[number];

/** Opens a backend; dispose it to end its threads. Weights are undefined until `load`. */
export async function openBackend(name: BackendName, options: BackendOptions): Promise<Backend> {
  switch (name) {
    case "wasm":
      return await (await import("./wasm/index.ts")).openWasmBackend(options);
  }
}
