/**
 * Records of WARC 1.0 and 1.1 (ISO 28500), and of the drafts 0.17 and 0.18 (ClueWeb09), out of a stream of decompressed bytes, whatever damage it has.
 *
 * A record is trusted only if the two line ends that must follow its block are where Content-Length says. Otherwise it
 * is reported, and reading goes on at the next place that looks like a record and passes the same test.
 */

/** Header fields by lower-case name; of a repeated one the first. */
export type Headers = ReadonlyMap<string, string>;

/** What the parser finds, in the order of the stream; `offset` and `length` count decompressed bytes. */
export type WarcEvent =
  | { readonly kind: "passed"; readonly offset: number; readonly row: number }
  | {
      readonly kind: "record";
      readonly offset: number;
      readonly row: number;
      readonly headers: Headers;
      readonly block: Buffer;
    }
  | {
      readonly kind: "too-long";
      readonly offset: number;
      readonly row: number;
      readonly length: number;
      readonly sample: Buffer;
    }
  | {
      readonly kind: "damaged";
      readonly offset: number;
      readonly row: number | null;
      readonly message: string;
      readonly sample: Buffer;
    };

export interface WarcParserOptions {
  /** Longer blocks are reported, not kept. */
  readonly maxBlockBytes: number;
  /** Other records are passed over. */
  readonly wants: (headers: Headers) => boolean;
  /** Position of the first byte that is pushed. @default 0 */
  readonly start?: number;
  /** Records before it. @default 0 */
  readonly row?: number;
  /** Begin by looking for a record: the first bytes may belong to one that began before. @default false */
  readonly inside?: boolean;
}

const maxHeaderBytes = 1 << 16;
const recordStart = /^WARC\/(?:1\.[01]|0\.1[78])\r?\n/;
const lineBeforeRecord = "\nWARC/";
/** Longest beginning of a record that may be cut by a chunk's border. */
const startBytes = 16;

export class WarcParser {
  readonly #options: WarcParserOptions;
  #pending: Buffer = Buffer.alloc(0);
  /** What came behind `#pending` and is joined to it when both are as long as `#needed`. */
  #coming: Uint8Array[] = [];
  #comingBytes = 0;
  /** With fewer bytes the record that begins at `pending[0]` cannot be whole: a long one is joined once, not with each chunk. */
  #needed = 0;
  /** Position of `pending[0]`. */
  #base: number;
  #row: number;
  /** A line begins at `pending[0]`. */
  #atLineStart = true;
  /** Bytes of a block still to come that is too long to be kept, and what it is. */
  #skipping: { left: number; readonly offset: number; readonly sample: Buffer } | undefined;
  /** Looking for the next record; what is passed over has been reported, or belongs to whoever reads before. */
  #seeking: boolean;
  #final = false;

  constructor(options: WarcParserOptions) {
    this.#options = options;
    this.#base = options.start ?? 0;
    this.#row = options.row ?? 0;
    this.#seeking = options.inside ?? false;
  }

  /** Records so far, those before `start` included. */
  get rows(): number {
    return this.#row;
  }

  /** Where the next record may begin, while one is looked for; else -1. */
  get seekingFrom(): number {
    return this.#seeking ? this.#base : -1;
  }

  /** Parses what is complete with these bytes. */
  *push(bytes: Uint8Array): Generator<WarcEvent, void, undefined> {
    this.#coming.push(bytes);
    this.#comingBytes += bytes.length;
    if (this.#pending.length + this.#comingBytes < this.#needed) return;
    this.#join();
    yield* this.#work();
  }

  #join(): void {
    const [first] = this.#coming;
    if (first === undefined) return;
    const isAlone = this.#pending.length === 0 && this.#coming.length === 1;
    this.#pending = isAlone ? asBuffer(first) : Buffer.concat([this.#pending, ...this.#coming]);
    this.#coming = [];
    this.#comingBytes = 0;
    this.#needed = 0;
  }

  /** The stream ends here: what is left over is a truncated record. */
  *finish(): Generator<WarcEvent, void, undefined> {
    this.#join();
    this.#final = true;
    yield* this.#work();
    this.#final = false;
    if (this.#skipping !== undefined) {
      const { offset, sample } = this.#skipping;
      yield { kind: "damaged", offset, row: this.#row, message: "the record ends too early", sample };
    } else if (this.#pending.length > 0 && !this.#seeking) yield this.#damaged("the record ends too early");
    this.#base += this.#pending.length;
    this.#pending = Buffer.alloc(0);
    this.#skipping = undefined;
    this.#seeking = false;
  }

  *#work(): Generator<WarcEvent, void, undefined> {
    while (true) {
      if (this.#skipping !== undefined && !this.#skip(this.#skipping)) return;
      if (this.#seeking) {
        if (!this.#seek()) return;
      } else {
        this.#skipLineEnds();
        if (this.#pending.length === 0) return;
        if (this.#pending.length < startBytes && !this.#final) return;
        if (!startsRecord(this.#pending)) {
          yield this.#damaged("no record begins here");
          this.#seeking = true;
          continue;
        }
      }
      const step = this.#record();
      if (step === "more") return;
      if (step !== undefined) yield step;
    }
  }

  /** One record at the beginning of what is pending; undefined when it was passed over. */
  #record(): WarcEvent | "more" | undefined {
    const pending = this.#pending;
    const head = headEnd(pending);
    if (head === undefined) {
      if (pending.length < maxHeaderBytes && !this.#final) return "more";
      if (this.#final && !this.#seeking) return "more";
      return this.#reject("its header does not end");
    }
    const headers = parseHeaders(pending.toString("utf8", 0, head));
    const length = Number(headers.get("content-length") ?? "none");
    if (!Number.isSafeInteger(length) || length < 0 || !headers.has("warc-type")) {
      return this.#reject("its header has no valid Content-Length or no WARC-Type");
    }
    const offset = this.#base;
    const sample = pending.subarray(0, 200);
    const wanted = this.#options.wants(headers);
    if (length > this.#options.maxBlockBytes) {
      // Its end is checked by what follows: no record there is damage there.
      this.#skipping = { left: head + length, offset, sample };
      this.#seeking = false;
      const row = this.#row++;
      return wanted ? { kind: "too-long", offset, row, length, sample } : { kind: "passed", offset, row };
    }
    const end = head + length;
    if (pending.length < end + 4 && !this.#final) {
      this.#needed = end + 4;
      return "more";
    }
    if (pending.length < end) return this.#seeking ? this.#reject("") : "more";
    if (!endsBlock(pending, end)) return this.#reject("Content-Length does not lead to the end of the record");
    const block = pending.subarray(head, end);
    this.#advance(end);
    this.#seeking = false;
    const row = this.#row++;
    return wanted ? { kind: "record", offset, row, headers, block } : { kind: "passed", offset, row };
  }

  /** What looked like a record is none. */
  #reject(message: string): WarcEvent | undefined {
    const event = this.#seeking ? undefined : this.#damaged(message);
    if (!this.#seeking) this.#row++;
    this.#seeking = true;
    this.#advance(1);
    return event;
  }

  #damaged(message: string): WarcEvent {
    return { kind: "damaged", offset: this.#base, row: this.#row, message, sample: this.#pending.subarray(0, 200) };
  }

  /** True when the block is passed over. */
  #skip(skipping: { left: number }): boolean {
    const passed = Math.min(skipping.left, this.#pending.length);
    this.#advance(passed);
    skipping.left -= passed;
    if (skipping.left > 0) return false;
    this.#skipping = undefined;
    return true;
  }

  /** True when what is pending begins like a record. */
  #seek(): boolean {
    if (this.#atLineStart && startsRecord(this.#pending)) return true;
    const pending = this.#pending;
    for (let at = 0; (at = pending.indexOf(lineBeforeRecord, at)) >= 0;) {
      at++;
      if (!startsRecord(pending.subarray(at))) continue;
      this.#advance(at);
      return true;
    }
    this.#advance(this.#final ? this.#pending.length : Math.max(0, this.#pending.length - startBytes));
    return false;
  }

  #skipLineEnds(): void {
    let at = 0;
    while (this.#pending[at] === 0x0d || this.#pending[at] === 0x0a) at++;
    if (at > 0) this.#advance(at);
  }

  #advance(bytes: number): void {
    if (bytes === 0) return;
    this.#atLineStart = this.#pending[bytes - 1] === 0x0a;
    this.#pending = this.#pending.subarray(bytes);
    this.#base += bytes;
  }
}

/** True when a WARC record of a known version begins here. */
export function startsRecord(bytes: Uint8Array): boolean {
  return recordStart.test(asBuffer(bytes).toString("latin1", 0, startBytes));
}

/** Splits `Name: value` lines; a line that begins with a blank continues the one before. */
export function parseHeaders(text: string): Headers {
  const headers = new Map<string, string>();
  let last = "";
  for (const line of text.split(/\r?\n/)) {
    if (/^[ \t]/.test(line) && last !== "") {
      headers.set(last, `${headers.get(last) ?? ""} ${line.trim()}`);
      continue;
    }
    const colon = line.indexOf(":");
    if (colon <= 0) continue;
    last = line.slice(0, colon).trim().toLowerCase();
    if (!headers.has(last)) headers.set(last, line.slice(colon + 1).trim());
  }
  return headers;
}

/** Where the empty line behind a header ends. */
export function headEnd(bytes: Buffer): number | undefined {
  const strict = bytes.subarray(0, maxHeaderBytes).indexOf("\r\n\r\n");
  const loose = bytes.subarray(0, strict < 0 ? maxHeaderBytes : strict).indexOf("\n\n");
  if (loose >= 0) return loose + 2;
  return strict < 0 ? undefined : strict + 4;
}

/** Two line ends, the end of the stream, or (some writers leave the line ends out) the next record. */
function endsBlock(bytes: Buffer, end: number): boolean {
  const rest = bytes.toString("latin1", end, end + startBytes);
  return rest === "" || /^\r?\n(\r?\n|$)/.test(rest) || /^WARC\/[01]\./.test(rest);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
