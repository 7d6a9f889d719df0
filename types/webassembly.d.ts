/** The part of the WebAssembly JavaScript API that is used here; @types/node has none and the DOM's types are too much. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
    private readonly brand: "Module";
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    /** Replaced by another object whenever an unshared memory grows. */
    readonly buffer: ArrayBuffer;
    /** Adds pages of 64 KiB and returns the old page count. */
    grow(pages: number): number;
  }
  class RuntimeError extends Error {}
  class CompileError extends Error {}
  type ExportValue = ((...values: number[]) => number) | Memory | { value: number | bigint };
  type Exports = Record<string, ExportValue>;
  type Imports = Record<string, Record<string, unknown>>;
  function validate(bytes: ArrayBufferView | ArrayBuffer): boolean;
  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
