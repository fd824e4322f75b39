/** What can be done with a finished picture. Each deed is told as an event that its conversation hears. */

import { ownPicture } from "./api.js";
import { announce, button, copy, h } from "./dom.js";
import { askForEdit } from "./editing.js";

/** A picture's wish to be painted on: heard by the conversation that it is in. */
function wish(element, detail) {
  element.dispatchEvent(new CustomEvent("wish", { bubbles: true, detail }));
}

/** The row of buttons below the picture of an item. */
export function deeds(item) {
  const { prompt, image: handle } = item.diptych?.arguments ?? {};
  const words = prompt ?? item.revised_prompt;
  const link = item.diptych?.url;
  const source = `data:image/${item.output_format};base64,${item.result}`;
  const again = () => wish(row, { text: `${words} (again, with another seed)`, call: { name: "generate_image", prompt: words } });
  const change = () => askForEdit(source, words, ({ prompt: wanted, box, mask, strength }) =>
    wish(row, { text: wanted, call: { name: "edit_image", prompt: wanted, image_url: link, box }, mask, painting: strength ? { strength } : {} }));
  const copyPrompt = async () => { await copy(words); announce("The prompt is copied."); };
  const use = () => row.dispatchEvent(new CustomEvent("use", { bubbles: true, detail: { name: words, source } }));
  const row = h("div", { class: "row actions" },
    handle ? null : button("Again with another seed", again),
    link ? button("Edit", change) : null,
    button("Use as input", use),
    h("a", { class: "button", href: link ? ownPicture(link) : source, download: `${words.slice(0, 60)}.${item.output_format}` }, "Download"),
    button("Copy prompt", copyPrompt));
  return row;
}
