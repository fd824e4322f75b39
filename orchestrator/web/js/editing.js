/** Asks how a picture shall change: in words, all of it or a part. */

import { button, h } from "./dom.js";
import { show } from "./dialogs.js";
import { MaskCanvas } from "./mask.js";

/** `onedit({ prompt, strength, box, mask })` is called when they have decided. */
export async function askForEdit(source, prompt, onedit) {
  const picture = h("img", { src: source });
  await picture.decode();
  const masking = new MaskCanvas(picture);
  const wish = h("input", { id: "edit-prompt", required: true, maxlength: 4000, value: prompt });
  const strength = h("input", { id: "edit-strength", type: "range", min: 0.1, max: 1, step: 0.05, value: 0.8 });
  const decide = (event) => {
    event.preventDefault();
    const { mask, box } = masking;
    const part = mask || box;
    dialog.close();
    onedit({ prompt: wish.value.trim(), mask, box: mask ? null : box, strength: part ? null : Number(strength.value) });
  };
  const dialog = h("dialog", { "aria-labelledby": "edit-title" },
    h("form", { onsubmit: decide },
      h("h2", { id: "edit-title" }, "Change this picture"),
      h("p", { class: "muted" }, "Paint over what may change, or draw a box; outside of it every pixel stays. Or leave it open, and all of it changes."),
      masking.element,
      h("p", {}, h("label", { for: "edit-prompt" }, "What it shows afterwards"), wish),
      h("p", { class: "row" }, h("label", { for: "edit-strength" }, "How much of the whole changes"), strength),
      h("p", { class: "row" }, button("Change it", null, { type: "submit", class: "primary" }), button("Cancel", () => dialog.close()))));
  show(dialog);
  wish.focus();
}
