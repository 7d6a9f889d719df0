import { defineConfig } from "vitest/config";

// Two workers: the machines this runs on have two cores, and several suites start worker threads themselves.
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    exclude: ["tests/oracle/**", "tests/e2e/**", "node_modules/**"],
    setupFiles: ["tests/setup.ts"],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
