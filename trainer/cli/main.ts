/** Entry of the `trainer` program; started by `bin/trainer.js`. */
import { main } from "../../forge/console/main.ts";
import { trainerProgram } from "./index.ts";

await main(trainerProgram);
