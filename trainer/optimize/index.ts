/** Schedules; AdamW itself runs in the backends. */
export * from "./schedule.ts";
