/** Colour, by `NO_COLOR`, `FORCE_COLOR` and whether the stream is a terminal. */
import { styleText } from "node:util";

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  red(text: string): string;
}

export function createStyle(options: {
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Style {
  const { terminal, env } = options;
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0";
  const refused = (env["NO_COLOR"] ?? "") !== "" || env["FORCE_COLOR"] === "0";
  const on = !refused && (forced || terminal);
  const paint =
    (format: "bold" | "dim" | "green" | "yellow" | "red") =>
    (text: string): string =>
      on ? styleText(format, text, { validateStream: false }) : text;
  return { bold: paint("bold"), dim: paint("dim"), green: paint("green"), yellow: paint("yellow"), red: paint("red") };
}
