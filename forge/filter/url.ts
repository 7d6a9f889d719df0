/**
 * URLs against block lists, in the manner of RefinedWeb (Penedo et al. 2023, appendix G.1) and of datatrove's
 * URLFilter: domains, whole URLs, words, soft words, substrings. The lists are the user's.
 */
import { domainToASCII } from "node:url";
import type { UrlFilterConfig } from "../../schemas/config/filter.ts";
import { DataError } from "../base/index.ts";
import { readLists, type ListEntry } from "./lists.ts";
import type { Verdict } from "./rules.ts";

/** Judges the URL of a document; null stands for a document without one. */
export type UrlJudge = (url: string | null) => Verdict | null;

/** @throws DataError when a list cannot be read, is empty or has an entry that could never be found */
export async function loadUrlJudge(config: UrlFilterConfig): Promise<UrlJudge> {
  const [domains, urls, words, substrings, softWords] = await Promise.all([
    readSet(config.domains, listedDomain),
    readSet(config.urls, ({ text }) => bareUrl(text)),
    readSet(config.words, listedWord),
    readSet(config.substrings, listedWord),
    readSet(config.softWords, listedWord),
  ]);
  // Only letters and digits are in there: nothing needs escaping.
  const anySubstring = substrings.size === 0 ? undefined : new RegExp([...substrings].join("|"));
  const { softWordThreshold, requireUrl } = config;
  return (given) => {
    const url = given?.trim() ?? "";
    if (url === "") return requireUrl ? { reason: "url_missing", value: null } : null;
    if (domains.size > 0 && isBelow(hostOf(url), domains)) return { reason: "url_domain_blocked", value: null };
    if (urls.size > 0 && urls.has(bareUrl(url))) return { reason: "url_blocked", value: null };
    if (words.size > 0 || softWords.size > 0) {
      const found = new Set(url.toLowerCase().split(/[^a-z0-9]+/));
      if (!words.isDisjointFrom(found)) return { reason: "url_word_blocked", value: null };
      const soft = softWords.size === 0 ? 0 : softWords.intersection(found).size;
      if (soft >= softWordThreshold) return { reason: "url_soft_words", value: soft };
    }
    return anySubstring?.test(lettersAndDigits(url)) === true ? { reason: "url_substring_blocked", value: null } : null;
  };
}

async function readSet(
  files: readonly string[],
  normalize: (entry: ListEntry) => string,
): Promise<ReadonlySet<string>> {
  return new Set((await readLists(files)).map(normalize));
}

/** An entry that could never be found, or that would block more than it says, must not pass in silence. */
function listedDomain({ text, file, line }: ListEntry): string {
  const [, domain = ""] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(?:\*?\.)?([^\s/?#@|^*]+)\/?$/i.exec(text) ?? [];
  const host = hostOf(domain);
  if (host !== "") return host;
  throw new DataError(
    "list-entry-invalid",
    `${file}:${line}: "${text}" is no domain`,
    { file, row: line - 1, sample: text },
    {
      hint: "One domain a line, like example.org, which stands for all hosts below it; whole URLs belong into `urls`.",
    },
  );
}

function listedWord({ text, file, line }: ListEntry): string {
  const word = lettersAndDigits(text);
  if (word !== "") return word;
  throw new DataError(
    "list-entry-empty",
    `${file}:${line}: "${text}" has no ASCII letter and no digit, so it cannot be found in a URL`,
    { file, row: line - 1, sample: text },
    { hint: "Take the line out; other scripts stand in URLs as %XX or, in domains, as xn--." },
  );
}

/** `https://www.Example.org:8080/a` to `example.org`, `bücher.example` to `xn--bcher-kva.example`; a bare host stays one. */
function hostOf(url: string): string {
  const found = /^(?:(?:[a-z][a-z0-9+.-]*:)?\/\/)?(?:[^/?#]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(url)?.[1] ?? "";
  const host = isAscii(found) ? found : domainToASCII(found) || found;
  return host
    .toLowerCase()
    .replace(/^www\./, "")
    .replace(/\.$/, "");
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Without scheme, `www.`, port, user, fragment and a final slash; only the host is case-blind. */
function bareUrl(url: string): string {
  const rest = /^(?:[a-z][a-z0-9+.-]*:)?\/\/[^/?#]*([^#]*)/i.exec(url)?.[1] ?? /^[^/?#]*([^#]*)/.exec(url)?.[1] ?? "";
  return (hostOf(url) + rest).replace(/\/$/, "");
}

function lettersAndDigits(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "");
}

/** Whether a host or one of the domains above it is listed. */
function isBelow(host: string, domains: ReadonlySet<string>): boolean {
  let at = 0;
  while (true) {
    if (domains.has(host.slice(at))) return true;
    const dot = host.indexOf(".", at);
    if (dot < 0) return false;
    at = dot + 1;
  }
}
