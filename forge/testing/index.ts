/** Doubles for tests: small real implementations of what forge talks to. */
export * from "./teachers.ts";
export * from "./file-servers.ts";
