/** The box to say something in. Knows nothing of what becomes of it. */

import { button, h } from "./dom.js";
import { PaintingOptions } from "./options.js";

export class Composer {
  /** `onsend` gets the parts of a message and the options for pictures; `onstop` ends the answer that is being given. */
  constructor({ onsend, onstop }) {
    this.onsend = onsend;
    this.field = h("textarea", {
      id: "message", rows: 1, placeholder: "Say something, or ask for a picture", "aria-label": "Your message",
      onkeydown: (event) => this.pressed(event), oninput: () => this.refresh(),
    });
    this.sendButton = button("Send", null, { type: "submit", class: "primary" });
    this.stopButton = button("Stop", onstop, { hidden: true });
    this.cost = h("span", { class: "cost" });
    this.options = new PaintingOptions();
    this.actions = h("div", { class: "actions" }, this.options.toggle, this.cost, this.stopButton, this.sendButton);
    this.box = h("div", { class: "box" }, this.field, this.options.panel, this.actions);
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
    this.refresh();
    this.field.focus();
  }

  parts() {
    const text = this.field.value.trim();
    return text ? [{ type: "input_text", text }] : [];
  }

  refresh() {
    this.sendButton.disabled = this.busy || this.parts().length === 0;
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
    this.refresh();
    this.onsend(parts, this.options.values);
  }
}
