/**
 * The prose of type declarations: the `/** … *\/` comments of a file, stars removed, in their order.
 *
 * Code in examples is kept; of a tag such as `@param name - what it is` the words stay. Declarations are left out, and
 * so are comments that say nothing but a tag or two (`@internal`).
 */

/** Text of all doc comments of a file, joined by empty lines; empty when there are none. */
export function extractDocComments(text: string): string {
  const comments: string[] = [];
  let at = 0;
  while (true) {
    const start = text.indexOf("/**", at);
    if (start < 0) break;
    const end = text.indexOf("*/", start + 3);
    if (end < 0) break;
    at = end + 2;
    const comment = cleanComment(text.slice(start + 3, end));
    if (comment !== "" && comment !== comments.at(-1)) comments.push(comment);
  }
  return comments.join("\n\n");
}

function cleanComment(body: string): string {
  const lines = body.split(/\r\n|\r|\n/).map((line) => line.replace(/^\s*\*+ ?/, "").trimEnd());
  const text = lines
    .join("\n")
    .replace(/^\n+|\n+$/g, "")
    .trim();
  return /^(\s*@\w+\s*)+$/.test(text) ? "" : text;
}
