/**
 * Opens llama.cpp through node-llama-cpp: found or missing, silent, CPU only, never compiled on the user's machine.
 *
 * The package is an optional peer: it is loaded when a model is first used and its absence is a clear error. GPU builds
 * and other back ends of llama.cpp are not offered here.
 */
import { arch, platform } from "node:process";
import type * as NodeLlamaCpp from "node-llama-cpp";
import { EnvironmentError } from "../base/errors.ts";
import type { Probe } from "../base/probe.ts";

export interface LlamaLibrary {
  readonly module: typeof NodeLlamaCpp;
  readonly llama: NodeLlamaCpp.Llama;
}

/** One native library per process: loading it twice costs memory and gains nothing. */
let opened: Promise<LlamaLibrary> | undefined;

/**
 * The native library, loaded on the first call.
 *
 * @throws EnvironmentError `llama-missing` when the package is not installed, `llama-unusable` when its binary does not
 *   run on this machine
 */
export async function openLlama(): Promise<LlamaLibrary> {
  opened ??= load().catch((error: unknown) => {
    opened = undefined;
    throw error;
  });
  return await opened;
}

/** For `doctor`: whether llama.cpp runs here. */
export function llamaProbe(): Probe {
  return {
    name: "llama.cpp",
    look: async () => {
      try {
        const { module } = await openLlama();
        return { status: "ok", detail: `node-llama-cpp ${await module.getModuleVersion()}, CPU` };
      } catch (error) {
        if (!(error instanceof EnvironmentError)) throw error;
        return { status: "optional", detail: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
      }
    },
  };
}

async function load(): Promise<LlamaLibrary> {
  let module: typeof NodeLlamaCpp;
  try {
    module = await import("node-llama-cpp");
  } catch (error) {
    throw new EnvironmentError("llama-missing", "llama.cpp is not installed (npm package node-llama-cpp)", {
      hint: "Install it beside this package: npm install node-llama-cpp@3.21.1",
      cause: error,
    });
  }
  try {
    const llama = await module.getLlama({
      build: "never",
      gpu: false,
      skipDownload: true,
      progressLogs: false,
      // 0: the thread count of each context is the one that is asked for, not a hint.
      maxThreads: 0,
      logLevel: module.LlamaLogLevel.disabled,
      logger: () => undefined,
    });
    return { module, llama };
  } catch (error) {
    throw new EnvironmentError(
      "llama-unusable",
      `llama.cpp is installed but does not start here (${platform} ${arch}): ${firstLine(error)}`,
      { hint: "Reinstall node-llama-cpp@3.21.1 for this platform, without --omit=optional.", cause: error },
    );
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n", 1)[0] as string;
}
