/** The box to say something in, with pictures. Knows nothing of what becomes of it. */

import { Attachments, wholeCost } from "./attachments.js";
import { button, h } from "./dom.js";
import { PaintingOptions } from "./options.js";

const COUNT_AFTER = 600;
const GROWS = CSS.supports("field-sizing", "content");

/** By what one message is told from another. */
const content = (parts) => JSON.stringify(parts.map((part) => part.text ?? part.image_url?.length));

export class Composer {
  /** `onsend` gets the parts of a message and the options for pictures; `onstop` ends the answer that is being given;
   * `conversation()` is the one that it goes to; `onwords(words)` and `onpictures(pictures)` hear what is not sent yet. */
  constructor({ onsend, onstop, conversation, onwords, onpictures }) {
    Object.assign(this, { onsend, conversation, onwords });
    this.field = h("textarea", {
      id: "message", rows: 1, dir: "auto", placeholder: "Say something, or ask for a picture", "aria-label": "Your message",
      onkeydown: (event) => this.pressed(event), oninput: () => { this.onwords(this.field.value); this.refresh(); }, onpaste: (event) => this.pasted(event),
    });
    this.attachments = new Attachments(() => { onpictures(this.attachments.pictures); this.refresh(); });
    this.sendButton = button("Send", null, { type: "submit", class: "primary" });
    this.stopButton = button("Stop", onstop, { hidden: true });
    this.cost = h("span", { class: "cost" });
    this.options = new PaintingOptions();
    this.actions = h("div", { class: "actions" }, this.attachments.toggle, this.options.toggle, this.cost, this.stopButton, this.sendButton);
    this.box = h("div", { class: "box" }, this.attachments.element, this.field, this.options.panel, this.actions);
    this.element = h("form", { class: "composer", "aria-label": "Message", onsubmit: (event) => this.submit(event) }, this.box);
    this.busy = false;
    this.refresh();
  }

  /** Whether an answer is being given. */
  setBusy(busy) {
    this.busy = busy;
    this.stopButton.hidden = !busy;
    this.sendButton.hidden = busy;
    this.refresh();
  }

  put(text) {
    this.field.value = text;
    this.onwords(text);
    this.refresh();
    this.field.focus();
  }

  /** The parts of a message that was not sent. */
  restore(parts) {
    for (const { type, text, image_url: picture, filename, file_data: file } of parts) {
      if (type === "input_text") this.put(text);
      else this.attachments.add(filename ?? "A picture", picture ?? file);
    }
  }

  /** Take a picture of the conversation along. */
  use(name, source) {
    this.attachments.add(name, source);
    this.field.focus();
  }

  parts() {
    const text = this.field.value.trim();
    return [...this.attachments.parts, ...(text ? [{ type: "input_text", text }] : [])];
  }

  refresh() {
    if (!GROWS) { // browsers without field-sizing
      this.field.style.height = "auto";
      this.field.style.height = `${this.field.scrollHeight}px`;
    }
    this.sendButton.disabled = this.busy || this.parts().length === 0;
    clearTimeout(this.timer);
    if (this.attachments.parts.length) this.timer = setTimeout(() => this.count(), COUNT_AFTER);
    else this.cost.textContent = "";
  }

  /** What the VLM would read in all: only where there are pictures, for counting takes the VLM's time. */
  async count() {
    const parts = this.parts();
    const told = content(parts);
    let words;
    try {
      words = `${await wholeCost(parts, this.conversation())} tokens in all`;
    } catch (error) {
      words = error.passes ? "" : error.message; // too many pictures, say
    }
    if (told === content(this.parts())) this.cost.textContent = words;
  }

  /** Files; what has a text too (cells of a table, say) is pasted as that. */
  pasted(event) {
    if (!event.clipboardData.files.length || event.clipboardData.getData("text/plain")) return;
    event.preventDefault();
    this.attachments.take(event.clipboardData.files);
  }

  /** Files may be dropped anywhere on this element: elsewhere the browser would leave the page for them. */
  takeDrops(element) {
    const holds = (event) => event.dataTransfer.types.includes("Files");
    element.addEventListener("dragover", (event) => { if (holds(event)) { event.preventDefault(); this.element.classList.add("dropping"); } });
    element.addEventListener("dragleave", () => this.element.classList.remove("dropping"));
    element.addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      this.element.classList.remove("dropping");
      this.attachments.take(event.dataTransfer.files);
    });
  }

  pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit(event);
  }

  submit(event) {
    event.preventDefault();
    const parts = this.parts();
    if (this.busy || parts.length === 0 || !this.options.check()) return;
    this.field.value = "";
    this.attachments.clear();
    this.refresh();
    this.onsend(parts, this.options.values); // it is still a draft, until the server has it
  }
}
