import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { extractHtml } from "../../forge/extract/html.ts";
import { createExtractor } from "../../forge/extract/index.ts";
import { readHtmlBlocks } from "../../forge/extract/html-blocks.ts";
import { extractConfigSchema } from "../../schemas/config/extract.ts";

const config = extractConfigSchema.parse({});

const sentence =
  "The old bridge over the river was built by the people of the town before there was a road to the city, " +
  "and it has been repaired more often than anyone of them can remember or would like to say. ";
const paragraph = `<p>${sentence.repeat(2)}</p>`;

function textOf(body: string): string {
  return extractHtml(`<!doctype html><html><head><title>Bridge</title></head><body>${body}</body></html>`, config).text;
}

/** What stands between two long paragraphs in the extracted text. */
function between(html: string): string {
  const whole = textOf(`${paragraph}${html}${paragraph}`);
  const long = sentence.repeat(2).trim();
  expect(whole.startsWith(long) && whole.endsWith(long)).toBe(true);
  return whole.slice(long.length, -long.length).trim();
}

describe("extractHtml", () => {
  it.each([
    ["headings", "<h2>Stones and mortar</h2>", "Stones and mortar"],
    ["items of a list, each on its line", "<ul><li>stone<li>wood</li></ul>", "- stone\n- wood"],
    ["numbers of an ordered list", "<ol><li>dig<li>build</ol>", "1. dig\n2. build"],
    ["cells of a row", "<table><tr><th>year<th>cost<tr><td>1904<td>12</table>", "year | cost\n1904 | 12"],
    ["preformatted text as it is", "<pre>\n  if a:\n      b  \n</pre>", "  if a:\n      b"],
    ["line breaks", "one<br>two", "one\ntwo"],
    ["paragraphs made of line breaks", "one<br><br>two", "one\n\ntwo"],
    ["entities", "a &lt; b &amp; c&nbsp;d &eacute; &#x65E5; &notin;", "a < b & c d é 日 ∉"],
    ["inline elements without a gap", "H<sub>2</sub>O <b>bo</b>ld", "H2O bold"],
    ["white space collapsed", "  a\n\t b\u00a0 c ", "a b c"],
    ["text in elements that nobody knows", "<my-note>a note</my-note>", "a note"],
  ])("keeps %s", (_name, html, text) => {
    expect(between(html).trim()).toBe(text.trim());
  });

  it.each([
    ["scripts", "<script>if (a < b) document.write('<p>x</p>')</script>"],
    ["styles", "<style>p > a { color: red }</style>"],
    ["templates", "<template><p>not shown</p></template>"],
    ["comments", "<!-- <p>not shown</p> -->"],
    ["conditional comments", "<!--[if IE]><p>not shown</p><![endif]-->"],
    ["hidden elements", "<p hidden>not shown</p><div style='display: none'>not shown</div>"],
    ["elements hidden from readers", "<span aria-hidden='true'>not shown</span>"],
    ["form controls", "<select><option>one<option>two</select><button>Send</button><textarea>x</textarea>"],
    ["navigation", `<nav>${paragraph}</nav>`],
    ["page footers", `<footer>${paragraph}</footer>`],
    ["asides", `<aside>${paragraph}</aside>`],
    ["elements with a role of navigation", `<div role="navigation">${paragraph}</div>`],
    ["consent layers", `<div id="cookie-banner">${paragraph}</div>`],
    ["lists of links", "<ul><li><a href='/a'>Home page</a><li><a href='/b'>All our news</a></ul>"],
  ])("leaves out %s", (_name, html) => {
    expect(between(html)).toBe("");
  });

  it("leaves out short and linked blocks around the text, and keeps short ones within", () => {
    const text = textOf(`<p>Log in</p><p><a href="/">Home</a></p>${paragraph}<p>Yes.</p>${paragraph}<p>Share</p>`);
    expect(text).toBe([sentence.repeat(2).trim(), "Yes.", sentence.repeat(2).trim()].join("\n\n"));
  });

  it("keeps notes that authors mark up as asides", () => {
    expect(between('<aside class="note"><p>Mind the gap.</p></aside>')).toBe("Mind the gap.");
  });

  it("leaves out a heading when nothing is left below it", () => {
    const text = textOf(`${paragraph}<h2>Related</h2><ul><li><a href="/a">Another bridge</a></ul>`);
    expect(text).toBe(sentence.repeat(2).trim());
  });

  it("reads on after a link that is never closed", () => {
    expect(textOf(`<p><a href="/x">Bridge ${paragraph}`)).toContain("repaired more often");
  });

  it("tells title and claimed language", () => {
    const page = `<html lang="en-GB"><title> A &amp; B </title><svg><title>icon</title></svg>${paragraph}`;
    expect(extractHtml(page, config)).toMatchObject({ title: "A & B", language: "en-GB" });
  });

  it.each([
    ["Chinese", "这座老桥是镇上的人们在通往城市的道路修建之前建造的，它被修缮的次数比任何人记得的都要多。"],
    [
      "Japanese",
      "この古い橋は町の人々が街への道ができる前に建てたもので、誰も覚えていないほど何度も修理されてきました。",
    ],
    ["Thai", "สะพานเก่าข้ามแม่น้ำแห่งนี้สร้างขึ้นโดยชาวเมืองก่อนที่จะมีถนนไปยังเมืองใหญ่และได้รับการซ่อมแซมหลายครั้ง"],
    [
      "Korean",
      "강을 가로지르는 이 오래된 다리는 도시로 가는 길이 생기기 전에 마을 사람들이 지은 것으로 여러 번 수리되었다.",
    ],
  ])("judges %s, which has no list of stop words, by length", (_name, text) => {
    const menu = "<ul><li><a href='/'>首页</a><li><a href='/n'>新闻</a></ul>";
    expect(textOf(`${menu}<p>${text.repeat(3)}</p><p>${text}</p>`)).toBe(`${text.repeat(3)}\n\n${text}`);
  });

  it("finds no text in a page of links", () => {
    expect(textOf("<a href='/a'>One</a> <a href='/b'>Two</a>".repeat(50))).toBe("");
  });

  it("never throws and always gives the same", () => {
    const piece = fc.oneof(
      fc.constantFrom("<", ">", "</", "<p", "<p>", "</p>", "<table>", "<tr>", "<td>", "</table>", "<li>", "</ul>"),
      fc.constantFrom("<a href=x>", "</a>", "<pre>", "<title>", "<script>", "</script>", "&amp", "&#0;", "&#x110000;"),
      fc.constantFrom("<!--", "-->", "<![CDATA[", "<?", "<br>", "</br>", " class='nav", '"', "'", "\0", "\uffff"),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.constant(paragraph),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        const html = pieces.join("");
        const first = extractHtml(html, config);
        expect(extractHtml(html, config)).toEqual(first);
        expect(first.text).toBe(first.text.trimEnd());
      }),
    );
  });
});

describe("budgets", () => {
  it("stops reading at the greatest number of elements, and says so", () => {
    const html = paragraph.repeat(10);
    expect(readHtmlBlocks(html, { maxElements: 10, maxDepth: 64 })).toMatchObject({ elements: 10, cut: false });
    const cut = readHtmlBlocks(html, { maxElements: 9, maxDepth: 64 });
    expect(cut.cut).toBe(true);
    expect(cut.blocks).toHaveLength(9);
  });

  it("reads what is nested too deep as part of its ancestor", () => {
    const html = `${"<div>".repeat(100)}${paragraph}${"</div>".repeat(100)}${paragraph}`;
    const shallow = readHtmlBlocks(html, { maxElements: 1000, maxDepth: 16 });
    expect(shallow.depth).toBeGreaterThan(100);
    expect(shallow.blocks.map(({ text }) => text)).toEqual([sentence.repeat(2).trim(), sentence.repeat(2).trim()]);
  });

  // Each would take minutes or end in a stack overflow were anything quadratic or recursive.
  it.each([
    ["nested elements", "<div>".repeat(200_000)],
    ["nested links", '<a href="x">x'.repeat(80_000)],
    ["nested inline elements", "<b><i>".repeat(160_000)],
    ["end tags of nothing", "</div></b></a></p>".repeat(55_000)],
    ["end tags of something far outside", `<b><div>${"<i>".repeat(500)}${"</b></em>".repeat(110_000)}`],
    ["items that nothing closes", "<ul><li>x".repeat(110_000)],
    ["cells that nothing closes", "<table><tr><td>x".repeat(60_000)],
    ["rows and cells", "<tr><td>a<td>b".repeat(70_000)],
    ["attributes", `<p ${"class=nav ".repeat(100_000)}>`],
    ["one long attribute", `<p class="${"nav-".repeat(250_000)}">`],
    ["names of attributes", `<p ${"x".repeat(1_000_000)}>`],
    ["opening brackets", "<".repeat(1_000_000)],
    ["comments that nothing closes", "<!--".repeat(250_000)],
    ["entities", "&amp;&lt".repeat(120_000)],
    ["line breaks", "a<br>".repeat(200_000)],
    ["white space", " \n".repeat(500_000)],
    ["short blocks", "<p>a".repeat(250_000)],
    ["headings", "<h2>a".repeat(200_000)],
    ["preformatted lines", `<pre>${"a  \n".repeat(250_000)}`],
    ["scripts that nothing closes", "<script>".repeat(120_000)],
    ["classes of one element, over and over", `<p ${`class="${"a nav ".repeat(160)}" `.repeat(1000)}>`],
  ])("ends soon on a megabyte of %s", (_name, html) => {
    expect(html.length).toBeGreaterThan(700_000);
    expect(extractHtml(html, { ...config, maxElements: 1_000_000 }).text.length).toBeLessThanOrEqual(html.length * 3);
  });
});

describe("createExtractor", () => {
  const page = `<html><head><title>Bridge</title><body><nav><a href="/">Home</a></nav>${paragraph}</body></html>`;
  function columnOf(pages: readonly string[]) {
    const parts = pages.map((one) => Buffer.from(one, "utf8"));
    const offsets = new Int32Array(pages.length + 1);
    parts.forEach((part, i) => (offsets[i + 1] = (offsets[i] as number) + part.length));
    return { values: Buffer.concat(parts), offsets, length: pages.length };
  }
  async function extract(pages: readonly string[], given: unknown = {}) {
    const extractor = await createExtractor(extractConfigSchema.parse(given));
    const { text, ...rest } = extractor(columnOf(pages));
    const texts = pages.map((_, i) =>
      Buffer.from(text.values.subarray(text.offsets[i], text.offsets[i + 1])).toString(),
    );
    return { texts, ...rest };
  }

  it("gives every page a text or a reason, and counts bytes", async () => {
    const { texts, titles, rejections, counts } = await extract([page, "<a href='/'>Home</a>", ""]);
    expect(texts).toEqual([sentence.repeat(2).trim(), "<a href='/'>Home</a>", ""]);
    expect(titles).toEqual(["Bridge", null, null]);
    expect(rejections).toEqual([null, { reason: "no-main-text", value: 20 }, { reason: "no-main-text", value: 0 }]);
    expect(counts).toEqual({ pages: 3, bytesIn: page.length + 20, bytesOut: texts.join("").length, cut: 0 });
  });

  it("leaves pages as they are on request", async () => {
    const { texts, rejections } = await extract([page], { html: "none" });
    expect(texts).toEqual([page]);
    expect(rejections).toEqual([null]);
  });

  it("reads only the beginning of a page beyond the budget of bytes, up to a whole character", async () => {
    const long = `${paragraph.repeat(2)}<p>${"日".repeat(5000)}`;
    for (const maxBytes of [1024, 1025, 1026]) {
      const { texts, counts } = await extract([long, page], { maxBytes });
      expect(texts[0]).not.toContain("\ufffd");
      expect(texts[0]?.length).toBeLessThan(1100);
      expect(counts.cut).toBe(1);
    }
  });

  it("extracts by readability on request, from fragments also", async () => {
    const pages = [
      page,
      paragraph.repeat(3),
      page.replace("<body>", "</head>"),
      `<html lang=en>${paragraph.repeat(3)}`,
      page.replace("<html>", "<!doctype html>"),
    ];
    const { texts, rejections } = await extract(pages, { html: "readability" });
    expect(rejections).toEqual(pages.map(() => null));
    for (const text of texts) expect(text).toContain(sentence.trim());
  });

  it("ends soon, and within any stack, on the worst pages that readability is asked about", async () => {
    const worst = ["<".repeat(50_000), "<div>".repeat(150) + "<".repeat(300)];
    const { texts, rejections } = await extract(worst, { html: "readability" });
    expect(rejections).toEqual([null, null]);
    expect(texts.map((text) => text.length >= 300)).toEqual([true, true]);
    const { rejections: refused } = await extract(["<".repeat(100_001), "<div>".repeat(490) + "<".repeat(900)], {
      html: "readability",
    });
    expect(refused.map((one) => one?.reason)).toEqual(["html-too-many-steps", "html-too-many-steps"]);
  });

  it.each([
    ["html-too-large", "x".repeat(3000), { maxBytes: 2999 }, 3000],
    ["html-too-many-elements", "<p>x".repeat(20), { maxElements: 19 }, 20],
    ["html-too-deep", "<div>".repeat(60), { maxDepth: 59 }, 60],
    ["html-too-many-steps", "<p>x<!---->&amp;", { maxSteps: 8002 }, 8003],
  ] as const)("does not ask readability about a page that is %s", async (reason, html, budget, value) => {
    const refused = await extract([html], { html: "readability", readability: budget });
    expect(refused.rejections).toEqual([{ reason, value }]);
    const [[name, limit]] = Object.entries(budget) as [[string, number]];
    const asked = await extract([html], { html: "readability", readability: { [name]: limit + 1 } });
    expect(asked.rejections[0]?.reason).not.toBe(reason);
  });
});
