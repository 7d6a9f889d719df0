/**
 * URLs brought to one form, so that equal pages have equal keys. Textual and total: a URL that cannot be parsed is left
 * as it is, and nothing is fetched.
 *
 * Scheme and host in lower case (host as punycode), no default port, no user and no fragment, no slash at the end of the
 * path, no `utm_*` parameter, the other parameters sorted by name and, for one name, in their order.
 */
export function normalizeUrl(url: string): string {
  const trimmed = url.trim();
  if (!URL.canParse(trimmed)) return trimmed;
  const { protocol, host, pathname, searchParams } = new URL(trimmed);
  for (const name of [...searchParams.keys()]) if (/^utm_/i.test(name)) searchParams.delete(name);
  searchParams.sort();
  const path = pathname.replace(/\/+$/, "");
  const query = searchParams.toString();
  return `${protocol}//${host}${path}${query === "" ? "" : `?${query}`}`;
}
