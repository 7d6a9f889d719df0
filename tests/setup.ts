/** Fails a test that lets anything print: only forge/console may, and its tests capture what it prints. */
import { afterEach, beforeEach, expect } from "vitest";

const methods = ["log", "info", "warn", "error", "debug"] as const;
const originals = { ...console };
let printed: string[] = [];

beforeEach(() => {
  printed = [];
  for (const method of methods) {
    console[method] = (...values: unknown[]) => {
      printed.push(`console.${method}(${values.map(String).join(", ")})`);
    };
  }
});

afterEach(() => {
  Object.assign(console, originals);
  expect(printed, "the code under test printed").toEqual([]);
});
