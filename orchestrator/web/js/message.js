/** What was said: by the person as it was written, by the model as Markdown that grows while it comes. */

import { ownPicture } from "./api.js";
import { h, perFrame } from "./dom.js";
import { seen } from "./how.js";
import { markdown } from "./markdown.js";
import { markQuotes } from "./quotes.js";

/** A person's message from the parts of its item. */
export function userTurn(content) {
  const pictures = content.filter((part) => part.type === "input_image").map((part, at) =>
    seen(h("img", { src: ownPicture(part.image_url) ?? part.image_url, alt: `Picture ${at + 1} that was sent` })));
  const files = content.filter((part) => part.type === "input_file").map((part) => h("p", { class: "muted" }, part.filename));
  const text = content.filter((part) => part.type === "input_text").map((part) => part.text).join("\n");
  return h("article", { class: "turn user", "aria-label": "You said" },
    pictures.length ? h("div", { class: "pictures" }, pictures) : null,
    files, text ? h("p", { dir: "auto" }, text) : null);
}

/** A message of the model's. */
export class MessageView {
  constructor(item) {
    this.element = h("div", { class: "prose" });
    this.text = "";
    this.annotations = [];
    this.draw = perFrame();
    this.finish(item);
  }

  add(delta) {
    this.text += delta;
    this.draw(() => this.show());
  }

  finish(item) {
    this.text = item.content.map((part) => part.text).join("") || this.text;
    this.annotations = item.content.flatMap((part) => part.annotations ?? []);
    this.show();
  }

  show() {
    this.element.replaceChildren(markdown(this.text));
    markQuotes(this.element, this.text, this.annotations);
  }
}
