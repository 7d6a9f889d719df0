import { defineConfig } from "vitest/config";

// The suites that CI runs besides `npm test`: whole programs (tests/e2e) and comparisons with Python references
// (tests/oracle). One file at a time: they measure nothing, but start processes and threads of their own.
export default defineConfig({
  test: {
    include: ["tests/oracle/**/*.test.ts", "tests/e2e/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
