/** Keys of tasks: hashes of plain JSON that do not depend on the order of object keys. */
import { createHash } from "node:crypto";

/** SHA-256 (hex) of a JSON value; object keys are sorted, undefined ones left out. */
export function hashJson(value: unknown): string {
  return hashText(canonicalJson(value));
}

/** SHA-256 (hex) of UTF-8 text. */
export function hashText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** JSON with sorted keys and no white space. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
