/**
 * Conditions over a document's signals: a small language of its own, parsed once, without `eval`.
 *
 * ```
 * signals.meanWordLength > 3 and (language in ["en", "de"] or languageScore >= 0.9)
 * not contains(url, "/tag/") and min(signals.words, 1000) / 1000 > 0.2
 * ```
 *
 * `or`, `and`, `not`, comparisons (`< <= > >= == !=`, `in [...]`), `+ - * /`, strings in double or single quotes.
 * Functions: has, contains, startsWith, endsWith, min, max, abs, log. A value that a document does not have (a signal
 * that was not measured, no URL, a division by zero) is missing: whatever is computed from it is missing, and a
 * comparison with it is false. `has(x)` asks.
 */
import { closest, ConfigError } from "../base/index.ts";

/** What an expression may ask of a document. Missing values are null or NaN. */
export interface ExpressionFacts {
  readonly signals: Readonly<Record<string, number>>;
  readonly language: string | null;
  readonly languageScore: number;
  readonly source: string | null;
  readonly url: string | null;
  readonly date: string | null;
}

export interface Expression {
  /** Names behind `signals.`, sorted, each once. */
  readonly signals: readonly string[];
  evaluate(facts: ExpressionFacts): boolean;
}

type Kind = "boolean" | "number" | "string";
type Value = boolean | number | string | null;

interface Node {
  readonly kind: Kind;
  readonly evaluate: (facts: ExpressionFacts) => Value;
}

const fields: Readonly<Record<string, Node>> = {
  language: { kind: "string", evaluate: (facts) => facts.language },
  languageScore: { kind: "number", evaluate: (facts) => present(facts.languageScore) },
  source: { kind: "string", evaluate: (facts) => facts.source },
  url: { kind: "string", evaluate: (facts) => facts.url },
  date: { kind: "string", evaluate: (facts) => facts.date },
};

/** Deeper nesting is refused: no one writes it, and the parser recurses. */
const maxDepth = 64;

/**
 * Parses a condition.
 *
 * @param signals names that may stand behind `signals.`
 * @throws ConfigError `expression-invalid` that shows where and says what was expected
 *
 * @example
 * parseExpression("signals.words > 10", ["words"]).evaluate(facts)
 */
export function parseExpression(text: string, signals: readonly string[]): Expression {
  const parser = new Parser(text, signals);
  const root = parser.parse();
  return {
    signals: [...parser.used].sort(),
    evaluate: (facts) => root.evaluate(facts) === true,
  };
}

interface Token {
  readonly type: "number" | "string" | "name" | "sign" | "end";
  readonly text: string;
  readonly at: number;
}

const tokenPattern =
  /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\.\d+)|"([^"\n]*)"|'([^'\n]*)'|([A-Za-z_][A-Za-z0-9_]*)|(<=|>=|==|!=|[<>+\-*/(),.[\]]))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== "") {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text);
    if (match === null) {
      const start = at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0);
      throw invalid(text, start, `${JSON.stringify(text[start])} has no meaning here`);
    }
    const [whole, number, double, single, name, sign] = match;
    const start = at + whole.length - whole.trimStart().length;
    const string = double ?? single;
    if (number !== undefined) tokens.push({ type: "number", text: number, at: start });
    else if (string !== undefined) tokens.push({ type: "string", text: string, at: start });
    else if (name !== undefined) tokens.push({ type: "name", text: name, at: start });
    else tokens.push({ type: "sign", text: sign ?? "", at: start });
    at = tokenPattern.lastIndex;
  }
  tokens.push({ type: "end", text: "", at: text.length });
  return tokens;
}

class Parser {
  readonly used: Set<string> = new Set();
  readonly #text: string;
  readonly #signals: readonly string[];
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(text: string, signals: readonly string[]) {
    this.#text = text;
    this.#signals = signals;
    this.#tokens = tokenize(text);
  }

  parse(): Node {
    const root = this.#or();
    const rest = this.#peek();
    if (rest.type !== "end") throw this.#error(rest, "the condition should end here, or go on with `and` or `or`");
    return this.#expect(root, "boolean", this.#tokens[0] as Token);
  }

  #or(): Node {
    if (++this.#depth > maxDepth) throw this.#error(this.#peek(), `conditions nest at most ${maxDepth} deep`);
    let left = this.#and();
    while (this.#peek().text === "or" && this.#peek().type === "name") {
      const at = this.#take();
      const [a, b] = [this.#expect(left, "boolean", at), this.#expect(this.#and(), "boolean", at)];
      left = { kind: "boolean", evaluate: (facts) => a.evaluate(facts) === true || b.evaluate(facts) === true };
    }
    this.#depth--;
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.#peek().text === "and" && this.#peek().type === "name") {
      const at = this.#take();
      const [a, b] = [this.#expect(left, "boolean", at), this.#expect(this.#not(), "boolean", at)];
      left = { kind: "boolean", evaluate: (facts) => a.evaluate(facts) === true && b.evaluate(facts) === true };
    }
    return left;
  }

  #not(): Node {
    if (this.#peek().text !== "not" || this.#peek().type !== "name") return this.#comparison();
    if (++this.#depth > maxDepth) throw this.#error(this.#peek(), `conditions nest at most ${maxDepth} deep`);
    const at = this.#take();
    const inner = this.#expect(this.#not(), "boolean", at);
    this.#depth--;
    return { kind: "boolean", evaluate: (facts) => inner.evaluate(facts) !== true };
  }

  #comparison(): Node {
    const left = this.#sum();
    const sign = this.#peek();
    if (sign.type === "name" && sign.text === "in") return this.#membership(left);
    if (sign.type !== "sign" || !Object.hasOwn(comparisons, sign.text)) return left;
    this.#take();
    const right = this.#sum();
    if (left.kind !== right.kind) throw this.#error(sign, `a ${left.kind} cannot be compared with a ${right.kind}`);
    const ordered = sign.text !== "==" && sign.text !== "!=";
    if (left.kind === "boolean" && ordered) throw this.#error(sign, "booleans are only equal or not");
    const compare = comparisons[sign.text] as (a: Value, b: Value) => boolean;
    return {
      kind: "boolean",
      evaluate: (facts) => {
        const a = left.evaluate(facts);
        const b = right.evaluate(facts);
        return a !== null && b !== null && compare(a, b);
      },
    };
  }

  #membership(left: Node): Node {
    this.#take();
    this.#sign("[");
    const members = new Set<Value>();
    while (true) {
      const token = this.#peek();
      const member = this.#primary();
      if (member.kind !== left.kind || (token.type !== "number" && token.type !== "string")) {
        throw this.#error(token, `the list may hold ${left.kind}s only, written out`);
      }
      members.add(member.evaluate(nothing));
      if (this.#peek().text !== ",") break;
      this.#take();
    }
    this.#sign("]");
    return {
      kind: "boolean",
      evaluate: (facts) => {
        const value = left.evaluate(facts);
        return value !== null && members.has(value);
      },
    };
  }

  #sum(): Node {
    return this.#chain(["+", "-"], () => this.#product());
  }

  #product(): Node {
    return this.#chain(["*", "/"], () => this.#unary());
  }

  #chain(signs: readonly string[], operand: () => Node): Node {
    let left = operand();
    while (this.#peek().type === "sign" && signs.includes(this.#peek().text)) {
      const sign = this.#take();
      const [a, b] = [this.#expect(left, "number", sign), this.#expect(operand(), "number", sign)];
      const compute = arithmetic[sign.text] as (x: number, y: number) => number;
      left = numeric((facts) => combine(a.evaluate(facts), b.evaluate(facts), compute));
    }
    return left;
  }

  #unary(): Node {
    if (this.#peek().text !== "-" || this.#peek().type !== "sign") return this.#primary();
    if (++this.#depth > maxDepth) throw this.#error(this.#peek(), `conditions nest at most ${maxDepth} deep`);
    const sign = this.#take();
    const inner = this.#expect(this.#unary(), "number", sign);
    this.#depth--;
    return numeric((facts) => combine(inner.evaluate(facts), 0, (x) => -x));
  }

  #primary(): Node {
    const token = this.#take();
    if (token.type === "number") {
      const value = Number(token.text);
      return { kind: "number", evaluate: () => value };
    }
    if (token.type === "string") return { kind: "string", evaluate: () => token.text };
    if (token.text === "(" && token.type === "sign") {
      const inner = this.#or();
      this.#sign(")");
      return inner;
    }
    if (token.type !== "name") throw this.#error(token, "a value is expected here");
    if (token.text === "true" || token.text === "false") {
      const value = token.text === "true";
      return { kind: "boolean", evaluate: () => value };
    }
    if (this.#peek().text === "(") return this.#call(token);
    if (token.text === "signals") return this.#signal();
    const field = Object.hasOwn(fields, token.text) ? fields[token.text] : undefined;
    if (field === undefined) throw this.#unknown(token, ["signals.…", ...Object.keys(fields)], "field");
    return field;
  }

  #signal(): Node {
    this.#sign(".");
    const token = this.#take();
    if (token.type !== "name" || !this.#signals.includes(token.text)) {
      throw this.#unknown(token, this.#signals, "signal");
    }
    this.used.add(token.text);
    return numeric((facts) => present(facts.signals[token.text] ?? Number.NaN));
  }

  #call(token: Token): Node {
    const known = Object.hasOwn(functions, token.text) ? functions[token.text] : undefined;
    if (known === undefined) throw this.#unknown(token, Object.keys(functions), "function");
    this.#sign("(");
    const values: Node[] = [];
    while (this.#peek().text !== ")" || values.length > 0) {
      values.push(this.#or());
      if (this.#peek().text !== ",") break;
      this.#take();
    }
    this.#sign(")");
    if (values.length !== known.takes.length) {
      throw this.#error(token, `${token.text} takes ${known.takes.length} values, not ${values.length}`);
    }
    const { takes, gives, compute, whenMissing } = known;
    for (const [i, value] of values.entries()) {
      const kind = takes[i];
      if (kind !== "any") this.#expect(value, kind as Kind, token);
    }
    return {
      kind: gives,
      evaluate: (facts) => {
        const given = values.map((value) => value.evaluate(facts));
        return given.includes(null) ? whenMissing : settle(compute(given as (number | string | boolean)[]));
      },
    };
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.type !== "end") this.#next++;
    return token;
  }

  #sign(text: string): void {
    const token = this.#take();
    if (token.type !== "sign" || token.text !== text) throw this.#error(token, `\`${text}\` is expected here`);
  }

  #expect(node: Node, kind: Kind, at: Token): Node {
    if (node.kind !== kind) throw this.#error(at, `a ${kind} is expected here, not a ${node.kind}`);
    return node;
  }

  #unknown(token: Token, known: readonly string[], what: string): ConfigError {
    const near = closest(token.text, known);
    const hint = near === undefined ? `known: ${known.join(", ")}` : `did you mean ${near}?`;
    return this.#error(token, `there is no ${what} called "${token.text}" (${hint})`);
  }

  #error(token: Token, message: string): ConfigError {
    return invalid(this.#text, token.at, message);
  }
}

const nothing: ExpressionFacts = {
  signals: {},
  language: null,
  languageScore: Number.NaN,
  source: null,
  url: null,
  date: null,
};

const comparisons: Readonly<Record<string, (a: never, b: never) => boolean>> = {
  "<": (a: number | string, b: number | string) => a < b,
  "<=": (a: number | string, b: number | string) => a <= b,
  ">": (a: number | string, b: number | string) => a > b,
  ">=": (a: number | string, b: number | string) => a >= b,
  "==": (a: Value, b: Value) => a === b,
  "!=": (a: Value, b: Value) => a !== b,
};

const arithmetic: Readonly<Record<string, (x: number, y: number) => number>> = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
};

interface KnownFunction {
  readonly takes: readonly (Kind | "any")[];
  readonly gives: Kind;
  /** Called with values of the kinds that it takes. */
  readonly compute: (values: readonly (number | string | boolean)[]) => number | boolean;
  readonly whenMissing: Value;
}

const functions: Readonly<Record<string, KnownFunction>> = {
  has: { takes: ["any"], gives: "boolean", compute: () => true, whenMissing: false },
  contains: onTexts((whole, part) => whole.includes(part)),
  startsWith: onTexts((whole, part) => whole.startsWith(part)),
  endsWith: onTexts((whole, part) => whole.endsWith(part)),
  min: onNumbers(2, Math.min),
  max: onNumbers(2, Math.max),
  abs: onNumbers(1, Math.abs),
  log: onNumbers(1, Math.log),
};

function onTexts(test: (whole: string, part: string) => boolean): KnownFunction {
  const compute: KnownFunction["compute"] = ([whole, part]) => test(whole as string, part as string);
  return { takes: ["string", "string"], gives: "boolean", compute, whenMissing: false };
}

function onNumbers(count: 1 | 2, compute: (...values: number[]) => number): KnownFunction {
  return {
    takes: Array.from({ length: count }, () => "number"),
    gives: "number",
    compute: (values) => compute(...(values as number[])),
    whenMissing: null,
  };
}

function numeric(evaluate: (facts: ExpressionFacts) => Value): Node {
  return { kind: "number", evaluate };
}

function combine(a: Value, b: Value, compute: (x: number, y: number) => number): Value {
  return a === null || b === null ? null : settle(compute(a as number, b as number));
}

/** What is no finite number is missing. */
function settle(value: number | boolean): Value {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}

function present(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

function invalid(text: string, at: number, problem: string): ConfigError {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  const line = text.slice(start).split("\n")[0] ?? "";
  const message = `wrong at character ${at + 1}: ${problem}`;
  return new ConfigError("expression-invalid", `The condition is ${message}`, [
    { path: "", message, excerpt: `${line}\n${" ".repeat(at - start)}^` },
  ]);
}
