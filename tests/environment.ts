/** Environment variables for one test; undefined takes one away. Disposing puts back what was there. */
export function setEnvironment(values: Readonly<Record<string, string | undefined>>): Disposable {
  const before = Object.keys(values).map((name) => [name, process.env[name]] as const);
  const set = (entries: Iterable<readonly [string, string | undefined]>): void => {
    for (const [name, value] of entries) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  set(Object.entries(values));
  return { [Symbol.dispose]: () => set(before) };
}
