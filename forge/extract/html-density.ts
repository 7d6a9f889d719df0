/**
 * Which blocks of a page are its main text: jusText's two passes (J. Pomikálek, "Removing Boilerplate and Duplicate
 * Content from Web Corpora", 2011) with the hints that today's markup gives.
 *
 * First each block alone: link density, length, stop words. Then in context: short and doubtful blocks follow their
 * neighbours, headings follow what they head. Beyond jusText: short parts of one list or table are judged as one block;
 * inside `<main>` blocks need less to be believed; navigation, footers and consent layers are out by their markup.
 */
import type { DensityConfig } from "../../schemas/config/extract.ts";
import { Place, type HtmlBlock, type HtmlBlocks } from "./html-blocks.ts";
import { guessLanguage, scanWords, type PageLanguage, type WordCounts } from "./stop-words.ts";

/** Indexes of the blocks that are main text, in order. */
export function chooseMainText(page: HtmlBlocks, config: DensityConfig): readonly number[] {
  const { blocks } = page;
  const language = guessLanguage(longestFirst(blocks));
  const strict = classify(page, candidates(blocks, Place.boilerplate | Place.hint), language, config);
  if (textLength(blocks, strict) >= enoughText || !blocks.some(({ place }) => place & Place.hint)) return strict;
  // The hints may have been wrong: believe elements and roles alone.
  const lenient = classify(page, candidates(blocks, Place.boilerplate), language, config);
  return textLength(blocks, lenient) > 2 * textLength(blocks, strict) ? lenient : strict;
}

/** Characters of main text from which hints are believed. */
const enoughText = 250;
/** Part of all main text that `<main>` or the only article must hold for the rest to be left out. */
const leastMainPart = 0.4;
/** Longest block that a list or table is judged together with. */
const maxGroupedLength = 140;

type Verdict = "good" | "near-good" | "short" | "bad";

/** Blocks that are judged as one: a single block, or neighbouring short ones of one list or table. */
interface Segment {
  readonly members: number[];
  readonly place: number;
  readonly isHeading: boolean;
  readonly isPreformatted: boolean;
  readonly isGroup: boolean;
  /** Trusted: inside the page's main part. */
  readonly trusted: boolean;
  length: number;
  linkLength: number;
  counts: WordCounts;
  own: Verdict;
  verdict: Verdict;
}

/** Texts from which the language is told: long ones say most, and menus nothing. */
function* longestFirst(blocks: readonly HtmlBlock[]): Generator<string, void, undefined> {
  for (const { text, linkLength } of blocks) if (text.length >= 100 && linkLength * 2 < text.length) yield text;
  for (const { text, linkLength } of blocks) if (text.length < 100 || linkLength * 2 >= text.length) yield text;
}

function candidates(blocks: readonly HtmlBlock[], excluded: number): readonly number[] {
  const found: number[] = [];
  for (const [index, { place, level }] of blocks.entries()) {
    if (place & excluded) continue;
    if (place & Place.header && level !== 1) continue;
    found.push(index);
  }
  return found;
}

function textLength(blocks: readonly HtmlBlock[], chosen: readonly number[]): number {
  return chosen.reduce((sum, index) => sum + (blocks[index] as HtmlBlock).text.length, 0);
}

function classify(
  page: HtmlBlocks,
  among: readonly number[],
  language: PageLanguage,
  config: DensityConfig,
): readonly number[] {
  const { blocks } = page;
  const isMain = mainPart(blocks, among);
  const segments = makeSegments(blocks, among, isMain, language);
  for (const segment of segments) segment.own = segment.verdict = judgeAlone(segment, blocks, language, config);
  judgeHeadings(segments, config, "short", "near-good");
  judgeRuns(segments, config);
  judgeContained(segments, blocks);
  judgeShort(segments);
  judgeNearGood(segments);
  judgeHeadings(segments, config, "bad", "good");
  let good = segments.filter((segment) => segment.verdict === "good");
  const length = (some: readonly Segment[]): number => some.reduce((sum, segment) => sum + segment.length, 0);
  const trusted = good.filter((segment) => segment.trusted);
  if (trusted.length > 0 && length(trusted) >= leastMainPart * length(good)) good = withTitle(good, trusted, page);
  return dropEmptyHeadings(
    blocks,
    good.flatMap((segment) => segment.members),
  );
}

/** Tells the page's main part: `<main>` and its likes, or else the only article. */
function mainPart(blocks: readonly HtmlBlock[], among: readonly number[]): (block: HtmlBlock) => boolean {
  if (among.some((index) => (blocks[index] as HtmlBlock).place & Place.main)) {
    return (block) => (block.place & Place.main) !== 0;
  }
  const articles = new Set(among.map((index) => (blocks[index] as HtmlBlock).article).filter((article) => article > 0));
  if (articles.size !== 1) return () => false;
  return (block) => block.article > 0;
}

/** The main part, with the first-level heading before it when it is the page's title. */
function withTitle(good: readonly Segment[], trusted: readonly Segment[], page: HtmlBlocks): Segment[] {
  const first = trusted[0]?.members[0] ?? 0;
  const hasTitle = trusted.some(({ members }) => (page.blocks[members[0] as number] as HtmlBlock).level === 1);
  if (hasTitle) return [...trusted];
  const title = good.find(({ members: [index = 0], isHeading }) => {
    const block = page.blocks[index] as HtmlBlock;
    return isHeading && index < first && block.level === 1 && page.title.includes(block.text);
  });
  return title === undefined ? [...trusted] : [title, ...trusted];
}

function makeSegments(
  blocks: readonly HtmlBlock[],
  among: readonly number[],
  isMain: (block: HtmlBlock) => boolean,
  language: PageLanguage,
): Segment[] {
  const segments: Segment[] = [];
  let openGroup = -1;
  for (const index of among) {
    const block = blocks[index] as HtmlBlock;
    const isHeading = block.kind === "heading";
    const grouped = block.group >= 0 && !isHeading && block.text.length <= maxGroupedLength ? block.group : -1;
    const trusted = isMain(block);
    let segment = segments.at(-1);
    if (segment === undefined || grouped < 0 || grouped !== openGroup || segment.trusted !== trusted) {
      segment = {
        members: [],
        place: block.place,
        isHeading,
        isPreformatted: block.kind === "preformatted",
        isGroup: grouped >= 0,
        trusted,
        length: 0,
        linkLength: 0,
        counts: { words: 0, stopWords: 0, unspaced: 0 },
        own: "bad",
        verdict: "bad",
      };
      segments.push(segment);
    }
    openGroup = grouped;
    segment.members.push(index);
    segment.length += block.text.length;
    segment.linkLength += block.linkLength;
    scanWords(block.text, language.bits, segment.counts);
  }
  return segments;
}

function judgeAlone(
  segment: Segment,
  blocks: readonly HtmlBlock[],
  language: PageLanguage,
  config: DensityConfig,
): Verdict {
  const { length, linkLength, counts, trusted, isPreformatted, isGroup } = segment;
  const linkDensity = length === 0 ? 0 : linkLength / length;
  if (linkDensity > config.maxMainLinkDensity) return "bad";
  const isLinked = !trusted && linkDensity > config.maxLinkDensity;
  const weighted = length + 2 * counts.unspaced;
  if (weighted < config.goodLength && isImprint((blocks[segment.members[0] as number] as HtmlBlock).text)) return "bad";
  if (weighted < config.minLength) return isLinked ? "bad" : "short";
  if (isPreformatted) return isLinked ? "bad" : "near-good";
  const density = counts.words === 0 ? 0 : (counts.stopWords / counts.words) * language.scale;
  // Without a list, or where words are not told apart, length alone speaks.
  if (language.bits === 0 || counts.unspaced * 4 > length) {
    if (isLinked) return "bad";
    return weighted > config.goodLength ? "good" : "near-good";
  }
  // A full sentence. jusText asks for more, and loses pages of few sentences.
  if (density >= config.goodStopWords) return isLinked ? "near-good" : "good";
  if (isLinked) return "bad";
  if (density >= config.minStopWords) return "near-good";
  // Tables and lists of names and figures have few stop words; so have blocks of a reference.
  if (trusted) return "near-good";
  return isGroup && linkLength === 0 && weighted > config.goodLength ? "near-good" : "bad";
}

/** "© 2026", "Copyright", "All rights reserved": the line below the text. */
function isImprint(text: string): boolean {
  return /©|&copy|\ball rights reserved\b|^copyright\b/i.test(text);
}

/** A heading of one verdict is given another when main text follows soon. */
function judgeHeadings(segments: readonly Segment[], config: DensityConfig, from: Verdict, to: Verdict): void {
  for (const [index, segment] of segments.entries()) {
    if (!segment.isHeading || segment.verdict !== from) continue;
    if (from === "bad" && segment.own === "bad") {
      // The title of an entry leads to its page; what it is about stands right below.
      if (segments[index + 1]?.own === "good" && segments[index + 1]?.verdict === "good") segment.verdict = to;
      continue;
    }
    let distance = 0;
    for (let at = index + 1; at < segments.length && distance <= config.maxHeadingDistance; at++) {
      const next = segments[at] as Segment;
      if (next.verdict === "good" || (segment.trusted && next.verdict === "near-good")) {
        segment.verdict = to;
        break;
      }
      distance += next.length;
    }
  }
}

/** Doubtful blocks in a row, short ones between them, that are long enough together are main text. */
function judgeRuns(segments: readonly Segment[], config: DensityConfig): void {
  let first = 0;
  let length = 0;
  for (let at = 0; at <= segments.length; at++) {
    const segment = segments[at];
    if (segment?.verdict === "near-good") length += segment.length + 2 * segment.counts.unspaced;
    if (segment?.verdict === "near-good" || segment?.verdict === "short") continue;
    for (let member = first; member < at && length > config.goodLength; member++) {
      const one = segments[member] as Segment;
      if (one.verdict === "near-good") one.verdict = "good";
    }
    first = at + 1;
    length = 0;
  }
}

/**
 * Short and doubtful blocks that stand in the same element as main text, or in an element beside it, are main text too;
 * so the last lines of a section do not depend on what follows the section.
 */
function judgeContained(segments: readonly Segment[], blocks: readonly HtmlBlock[]): void {
  const around = ({ members: [first = 0] }: Segment): HtmlBlock["containers"] =>
    (blocks[first] as HtmlBlock).containers;
  const holdsText = new Set<number>();
  for (const segment of segments) if (segment.verdict === "good") holdsText.add(around(segment)[0]);
  // The body holds everything.
  holdsText.delete(0);
  for (const segment of segments) {
    if ((segment.verdict !== "short" && segment.verdict !== "near-good") || segment.linkLength > 0) continue;
    if (around(segment).some((container) => holdsText.has(container))) segment.verdict = "good";
  }
}

/** For each segment the verdict of the nearest one on a side that is no `short`; beyond the page's ends lies `bad`. */
function neighbours(segments: readonly Segment[], direction: 1 | -1, skipNearGood: boolean): Verdict[] {
  const found: Verdict[] = Array.from({ length: segments.length }, () => "bad");
  let last: Verdict = "bad";
  for (let step = 0; step < segments.length; step++) {
    const at = direction === 1 ? segments.length - 1 - step : step;
    found[at] = last;
    const { verdict } = segments[at] as Segment;
    if (verdict === "good" || verdict === "bad" || (verdict === "near-good" && !skipNearGood)) last = verdict;
  }
  return found;
}

function judgeShort(segments: readonly Segment[]): void {
  const before = neighbours(segments, -1, true);
  const after = neighbours(segments, 1, true);
  const justBefore = neighbours(segments, -1, false);
  const justAfter = neighbours(segments, 1, false);
  const decided = segments.map((segment, at): Verdict => {
    if (segment.verdict !== "short") return segment.verdict;
    if (segment.trusted && segment.linkLength * 3 < segment.length) return "good";
    if (before[at] === "good" && after[at] === "good") return "good";
    if (before[at] === "bad" && after[at] === "bad") return "bad";
    const doubtful = before[at] === "bad" ? justBefore[at] : justAfter[at];
    return doubtful === "near-good" ? "good" : "bad";
  });
  for (const [at, segment] of segments.entries()) segment.verdict = decided[at] as Verdict;
}

function judgeNearGood(segments: readonly Segment[]): void {
  const before = neighbours(segments, -1, true);
  const after = neighbours(segments, 1, true);
  for (const [at, segment] of segments.entries()) {
    if (segment.verdict !== "near-good") continue;
    const isAlone = before[at] === "bad" && after[at] === "bad" && !segment.trusted;
    segment.verdict = isAlone ? "bad" : "good";
  }
}

/** Without headings that have nothing left below them. */
function dropEmptyHeadings(blocks: readonly HtmlBlock[], chosen: readonly number[]): readonly number[] {
  const hasText = Array.from({ length: 7 }, () => false);
  const kept: number[] = [];
  for (let at = chosen.length - 1; at >= 0; at--) {
    const index = chosen[at] as number;
    const { level } = blocks[index] as HtmlBlock;
    if (level === 0) hasText.fill(true);
    else {
      if (!hasText[level]) continue;
      hasText.fill(false, level);
    }
    kept.push(index);
  }
  return kept.reverse();
}
