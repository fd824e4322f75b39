/** Pictures and PDFs that go with the next message: attached, shown small, and what each costs the VLM to look at. */

import { post } from "./api.js";
import { button, h } from "./dom.js";

const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif", "application/pdf"];
const LARGEST = 20 * 2 ** 20;
const PROBE = { type: "input_text", text: "." };

/** What the VLM would be shown of a message, in tokens. */
async function count(content, more = {}) {
  const body = { input: [{ type: "message", role: "user", content }], ...more };
  const { input_tokens: all, input_tokens_details: details } = await post("responses/input_tokens", body);
  return { all, pictures: details.image_tokens };
}

export class Attachments {
  /** `onchange` is called when one comes or goes. */
  constructor(onchange) {
    this.onchange = onchange;
    this.all = [];
    this.list = h("ul", { class: "attached", "aria-label": "Attached" });
    this.problem = h("p", { class: "error", role: "alert" });
    this.picker = h("input", { type: "file", multiple: true, accept: KINDS.join(","), hidden: true, onchange: () => { this.take(this.picker.files); this.picker.value = ""; } });
    this.toggle = button("Attach", () => this.picker.click(), { class: "quiet", "aria-label": "Attach pictures or PDFs" });
    this.element = h("div", {}, this.list, this.problem, this.picker);
  }

  get parts() {
    return this.all.map((one) => one.part);
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
      else await this.add(file.name, await dataUrl(file));
    }
  }

  /** One of them by its data URL. Resolves when its cost is known, or why it cannot be used. */
  async add(name, url) {
    const isPdf = url.startsWith("data:application/pdf");
    const part = isPdf ? { type: "input_file", filename: name, file_data: url } : { type: "input_image", image_url: url };
    const cost = h("span", { class: "tokens" }, "…");
    const one = { part };
    one.row = h("li", {},
      isPdf ? h("span", { class: "file" }, name) : h("img", { src: url, alt: name }), cost,
      button("×", () => this.remove(one), { "aria-label": `Remove ${name}` }));
    this.all.push(one);
    this.list.append(one.row);
    this.onchange();
    try {
      const { pictures } = await count([part, PROBE]);
      cost.textContent = pictures ? `${pictures} tokens` : ""; // not every VLM's server tells it
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
