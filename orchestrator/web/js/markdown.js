/** Markdown as sanitised elements. Pictures only from this server; links open elsewhere and tell nothing of here. */

import DOMPurify from "../vendor/purify.es.mjs";
import { marked } from "../vendor/marked.esm.js";
import { ownPicture } from "./api.js";

const ALLOWED = {
  ALLOWED_TAGS: ["a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"],
  ALLOWED_ATTR: ["alt", "href", "src", "start", "title"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

export function markdown(text) {
  const fragment = DOMPurify.sanitize(marked.parse(text, { breaks: true }), ALLOWED);
  for (const picture of fragment.querySelectorAll("img")) keepOrName(picture);
  for (const link of fragment.querySelectorAll("a")) guard(link);
  for (const block of fragment.querySelectorAll("pre, table")) block.tabIndex = 0; // scrolls by keyboard
  for (const block of fragment.querySelectorAll("p, li, h1, h2, h3, h4, h5, h6, blockquote, td, th")) block.dir = "auto";
  return fragment;
}

function keepOrName(picture) {
  const own = ownPicture(picture.getAttribute("src") ?? "");
  if (own === null) picture.replaceWith(`[picture elsewhere: ${picture.alt}]`);
  else picture.src = own;
  picture.alt ||= "A picture without a description";
}

function guard(link) {
  const target = link.getAttribute("href") ?? "";
  if (!/^https?:\/\//i.test(target)) link.replaceWith(...link.childNodes);
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}
