/** What supports a quote: hovering over it tells the picture and the lines in which it stands. */

import { h } from "./dom.js";

/** Mark the quotes of a message's text, which is shown in `shown`. Annotations count in characters, not in UTF-16. */
export function markQuotes(shown, text, annotations) {
  const characters = Array.from(text);
  for (const one of annotations.filter(({ type }) => type === "diptych:quote")) {
    const place = find(shown, characters.slice(one.start_index, one.end_index).join(""));
    if (place !== null) place.surroundContents(h("span", { class: "quoted", title: said(one) }));
  }
}

function said({ image, text, lines, error_rate: rate, written }) {
  const where = `${image || text}, ${lines.length > 1 ? `lines ${lines[0]} to ${lines.at(-1)}` : `line ${lines[0]}`}`;
  return written === null ? `Read by OCR: ${where}` : `Corrected by OCR: ${where}. The model wrote “${written}”, ${Math.round(100 * rate)} % off.`;
}

/** Where words stand that are not marked yet, within one piece of text. */
function find(shown, words) {
  const walker = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const at = node.parentElement.closest(".quoted") ? -1 : node.data.indexOf(words);
    if (at < 0) continue;
    const range = document.createRange();
    range.setStart(node, at);
    range.setEnd(node, at + words.length);
    return range;
  }
  return null;
}
