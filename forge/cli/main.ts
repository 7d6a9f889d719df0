/** Entry of the `forge` program; started by `bin/forge.js`. */
import { main } from "../console/main.ts";
import { forgeProgram } from "./index.ts";

await main(forgeProgram);
