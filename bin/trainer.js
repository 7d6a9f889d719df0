#!/usr/bin/env node
// @ts-check
import { run } from "./run.js";

await run("trainer/cli/main");
