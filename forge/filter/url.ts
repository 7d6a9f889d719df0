/**
 * URLs against block lists, in the manner of RefinedWeb (Penedo et al. 2023, appendix G.1) and of datatrove's
 * URLFilter: domains, whole URLs, words, soft words, substrings. The lists are the user's.
 */
import type { UrlFilterConfig } from "../../schemas/config/filter.ts";
import { readLists, type ListEntry } from "./lists.ts";
import type { Verdict } from "./rules.ts";

/** Judges the URL of a document; null stands for a document without one. */
export type UrlJudge = (url: string | null) => Verdict | null;

/** @throws DataError when a list cannot be read or is empty */
export async function loadUrlJudge(config: UrlFilterConfig): Promise<UrlJudge> {
  const [domains, urls, words, substrings, softWords] = await Promise.all([
    readSet(config.domains, hostOf),
    readSet(config.urls, bareUrl),
    readSet(config.words, lettersAndDigits),
    readSet(config.substrings, lettersAndDigits),
    readSet(config.softWords, lettersAndDigits),
  ]);
  // Only letters and digits are in there: nothing needs escaping.
  const anySubstring = substrings.size === 0 ? undefined : new RegExp([...substrings].join("|"));
  const { softWordThreshold, requireUrl } = config;
  return (url) => {
    if (url === null || url === "") return requireUrl ? { reason: "url_missing", value: null } : null;
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

async function readSet(files: readonly string[], normalize: (text: string) => string): Promise<ReadonlySet<string>> {
  const entries: readonly ListEntry[] = await readLists(files);
  return new Set(entries.map(({ text }) => normalize(text)).filter((text) => text !== ""));
}

/** `https://www.Example.org:8080/a` to `example.org`; a bare host stays one. */
function hostOf(url: string): string {
  const host = /^(?:[a-z][a-z0-9+.-]*:)?(?:\/\/)?(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(url)?.[1] ?? "";
  return host
    .toLowerCase()
    .replace(/^www\./, "")
    .replace(/\.$/, "");
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
