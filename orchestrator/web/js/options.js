/** What the person, not the model, decides of pictures: the `diptych` object of a request. Empty fields leave it open. */

import { button, h } from "./dom.js";

const NUMBERS = [
  { name: "seed", label: "Seed", min: 0, max: 4294967295, step: 1 },
  { name: "steps", label: "Steps", min: 1, max: 150, step: 1 },
  { name: "guidance", label: "Guidance", min: 0, max: 30, step: 0.1 },
];

export class PaintingOptions {
  constructor() {
    this.fields = NUMBERS.map(({ name, label, ...bounds }) => ({ name, label, input: h("input", { id: `option-${name}`, type: "number", ...bounds }) }));
    this.negative = h("input", { id: "option-negative", maxlength: 4000 });
    this.fast = h("input", { id: "option-fast", type: "checkbox", onchange: () => this.refresh() });
    this.panel = h("div", { class: "options", id: "options", hidden: true },
      this.fields.map(({ input, label }) => h("p", {}, h("label", { for: input.id }, label), input)),
      h("p", {}, h("label", { for: this.negative.id }, "Not in it"), this.negative),
      h("p", {}, this.fast, h("label", { for: this.fast.id }, "Fast: few steps, coarser")));
    this.toggle = button("Painting", () => this.open(this.panel.hidden), { class: "quiet", "aria-expanded": "false", "aria-controls": "options" });
  }

  open(open) {
    this.panel.hidden = !open;
    this.toggle.setAttribute("aria-expanded", String(open));
  }

  /** Fast has steps and guidance of its own. */
  refresh() {
    for (const { name, input } of this.fields) input.disabled = this.fast.checked && name !== "seed";
  }

  /** Whether the numbers are within their bounds; shows where they are not. */
  check() {
    const wrong = this.fields.find(({ input }) => !input.disabled && !input.checkValidity());
    if (!wrong) return true;
    this.open(true);
    return wrong.input.reportValidity();
  }

  get values() {
    const values = {};
    for (const { name, input } of this.fields) if (input.value !== "" && !input.disabled) values[name] = Number(input.value);
    if (this.negative.value.trim()) values.negative_prompt = this.negative.value.trim();
    if (this.fast.checked) values.fast = true;
    return values;
  }
}
