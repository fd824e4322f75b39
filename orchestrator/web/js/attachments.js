/** Pictures and PDFs that go with the next message: attached, shown small, and what each costs the VLM to look at. */

import { post } from "./api.js";
import { button, h } from "./dom.js";
import { boxesOver } from "./page.js";

const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf"];
const LARGEST = 20 * 2 ** 20;
const PROBE = { type: "input_text", text: "." };

/** What the VLM would be shown of a message, in tokens, and what of its pictures' text it cannot resolve. */
async function count(content, more = {}) {
  const body = { input: [{ type: "message", role: "user", content }], ...more };
  const { input_tokens: all, input_tokens_details: details } = await post("responses/input_tokens", body);
  return { all, pictures: details.image_tokens, texts: details.images };
}

/** Boxes around the lines that are too small for the VLM's patches. */
function marks({ size, unresolved_boxes: boxes }) {
  const { over, shapes } = boxesOver(size, boxes ?? []);
  for (const shape of shapes) shape.classList.add("marked");
  return over;
}

export class Attachments {
  /** `onchange` is called when one comes or goes. */
  constructor(onchange) {
    this.onchange = onchange;
    this.all = [];
    this.counting = Promise.resolve();
    this.list = h("ul", { class: "attached", "aria-label": "Attached" });
    this.problem = h("p", { class: "error", role: "alert" });
    this.picker = h("input", { type: "file", multiple: true, accept: KINDS.join(","), hidden: true, onchange: () => { this.take(this.picker.files); this.picker.value = ""; } });
    this.toggle = button("Attach", () => this.picker.click(), { class: "quiet", "aria-label": "Attach pictures or PDFs" });
    this.element = h("div", {}, this.list, this.problem, this.picker);
  }

  get parts() {
    return this.all.map((one) => one.part);
  }

  /** As `add` takes them. */
  get pictures() {
    return this.all.map(({ name, url }) => ({ name, url }));
  }

  clear() {
    this.all = [];
    this.list.replaceChildren();
    this.problem.textContent = "";
  }

  /** Files of a paste, a drop or the picker. */
  async take(files) {
    this.problem.textContent = "";
    for (const file of [...files]) { // a picker's list empties itself
      if (!KINDS.includes(file.type)) this.problem.textContent = `${file.name} is neither PNG, JPEG, WebP, GIF nor PDF.`;
      else if (file.size > LARGEST) this.problem.textContent = `${file.name} is larger than 20 MB.`;
      else this.add(file.name, await dataUrl(file));
    }
  }

  /** One of them by its data URL. What each costs is asked one after the other. */
  add(name, url) {
    const isPdf = url.startsWith("data:application/pdf");
    const part = isPdf ? { type: "input_file", filename: name, file_data: url } : { type: "input_image", image_url: url };
    const cost = h("span", { class: "tokens" }, "…");
    const shown = h("span", { class: "thumbnail" }, isPdf ? h("span", { class: "file" }, name) : h("img", { src: url, alt: name }));
    const one = { part, name, url };
    one.row = h("li", {}, shown, cost,
      button("×", () => this.remove(one), { "aria-label": `Remove ${name}` }));
    this.all.push(one);
    this.list.append(one.row);
    this.onchange();
    this.counting = this.counting.then(() => this.tell(one, name, cost, isPdf ? null : shown));
  }

  /** What it costs the VLM, and what is too small for it; or why it cannot be used. */
  async tell(one, name, cost, shown) {
    if (!this.all.includes(one)) return;
    try {
      const { pictures, texts } = await count([one.part, PROBE]);
      cost.textContent = pictures ? `${pictures} tokens` : ""; // not every VLM's server tells it
      shown?.append(marks(texts[0]));
      one.row.append(...texts.filter((text) => text.unresolved_lines).map((text) => h("span", { class: "unresolved" }, text.note)));
    } catch (error) {
      if (error.passes) cost.textContent = "";
      else this.refuse(one, `${name}: ${error.message}`);
    }
  }

  refuse(one, why) {
    this.remove(one);
    this.problem.textContent = why;
  }

  remove(one) {
    this.all = this.all.filter((other) => other !== one);
    one.row.remove();
    this.onchange();
  }
}

/** Tokens that a picture at this address costs; 0 where the VLM's server does not tell. */
export async function pictureTokens(address) {
  const url = address.startsWith("data:") ? address : await dataUrl(await (await fetch(address)).blob());
  return (await count([{ type: "input_image", image_url: url }, PROBE])).pictures;
}

/** Tokens of all that the VLM would read, the conversation included. */
export async function wholeCost(parts, conversation) {
  return (await count(parts, conversation ? { conversation } : {})).all;
}

export function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
