import { describe, expect, it } from "vitest";
import { freeBuffer, freeChunk, giveMemoryBack, takeMemory } from "../../forge/base/index.ts";

const megabyte = 2 ** 20;

describe("memory that is used again", () => {
  it("holds at least as much as was asked for", () => {
    for (const bytes of [0, 1, 131_071, 131_072, megabyte, 3 * megabyte + 1]) {
      expect(takeMemory(bytes).length).toBeGreaterThanOrEqual(bytes);
    }
  });

  it("leaves nothing to read to those who gave it back", () => {
    const memory = takeMemory(megabyte);
    const view = memory.subarray(10, 20);
    view.fill(7);
    giveMemoryBack(view);
    expect(memory.length).toBe(0);
    expect(view[0]).toBeUndefined();
    expect(() => new Uint8Array(10).set(view)).toThrow(TypeError);
    expect(() => view.slice()).toThrow(TypeError);
  });

  it("goes to the next who asks, and to one alone", () => {
    const bytes = 5 * megabyte;
    const first = takeMemory(bytes);
    first[0] = 42;
    giveMemoryBack(first);
    const second = takeMemory(bytes);
    expect(second[0]).toBe(42);
    expect(takeMemory(bytes).buffer).not.toBe(second.buffer);
    giveMemoryBack(first);
    expect(second[0]).toBe(42);
  });

  it("takes back nothing that came from elsewhere", () => {
    const column = new Uint8Array(megabyte).fill(1);
    giveMemoryBack(column);
    expect(column[5]).toBe(1);
    const shared = new Uint8Array(new SharedArrayBuffer(megabyte)).fill(1);
    giveMemoryBack(shared);
    expect(shared[5]).toBe(1);
  });

  it("frees a chunk that is a whole buffer, and leaves alone one that shares it with others", () => {
    const whole = new Uint8Array(megabyte);
    freeChunk(whole);
    expect(whole.length).toBe(0);
    const part = new Uint8Array(megabyte).subarray(1);
    freeChunk(part);
    expect(part.length).toBe(megabyte - 1);
    const small = Buffer.from("of Buffer's pool");
    freeChunk(small);
    freeBuffer(small.buffer);
    expect(small.toString()).toBe("of Buffer's pool");
  });
});
