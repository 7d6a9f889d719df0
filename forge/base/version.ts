/** The package's own version, read from its package.json. */
import { readFileSync } from "node:fs";
import { shippedPath } from "./locate.ts";

export const version: string = (JSON.parse(readFileSync(shippedPath("package.json"), "utf8")) as { version: string })
  .version;
