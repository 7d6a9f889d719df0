/** The generated tables as typed arrays, inflated once a thread on first use (about 2 ms). */
import { inflateRawSync } from "node:zlib";
import * as data from "./data.ts";

/** Two-stage tables: `blocks[(index[codePoint >> 7] << 7) | (codePoint & 127)]`. */
export interface UnicodeTables {
  /** Flags of `properties.ts`; `propertyBlocks` holds row numbers. */
  readonly propertyRows: Uint32Array;
  readonly propertyIndex: Uint16Array;
  readonly propertyBlocks: Uint8Array;
  /** Entries of the normal form for deduplication, see `scripts/generate-unicode.ts`. */
  readonly normalIndex: Uint16Array;
  readonly normalBlocks: Uint32Array;
  readonly normalExpansions: Uint8Array;
}

let tables: UnicodeTables | undefined;

export function unicodeTables(): UnicodeTables {
  tables ??= {
    propertyRows: new Uint32Array(inflate(data.propertyRows)),
    propertyIndex: new Uint16Array(inflate(data.propertyIndex)),
    propertyBlocks: new Uint8Array(inflate(data.propertyBlocks)),
    normalIndex: new Uint16Array(inflate(data.normalIndex)),
    normalBlocks: new Uint32Array(inflate(data.normalBlocks)),
    normalExpansions: new Uint8Array(inflate(data.normalExpansions)),
  };
  return tables;
}

/** Property flags of a code point below 0x110000. */
export function propertiesOf(codePoint: number): number {
  const { propertyRows, propertyIndex, propertyBlocks } = unicodeTables();
  const block = propertyIndex[codePoint >> 7] as number;
  return propertyRows[propertyBlocks[(block << 7) | (codePoint & 127)] as number] as number;
}

/** Inflates into a buffer of its own, so that wider views are aligned. */
function inflate(text: string): ArrayBuffer {
  const bytes = inflateRawSync(Buffer.from(text, "base64"));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}
