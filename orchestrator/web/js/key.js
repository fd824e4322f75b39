/** The API key: asked for once, where the server wants one, and kept by this browser. */

import { button, h } from "./dom.js";

const NAME = "diptych.key";
let asking = null;

export const key = () => localStorage.getItem(NAME) ?? "";

export function forgetKey() {
  localStorage.removeItem(NAME);
}

/** Ask, if the key is still the one that was `refused`. Resolves when another one is there. */
export async function askForKey(refused) {
  if (key() && refused !== `Bearer ${key()}`) return;
  asking ??= ask(Boolean(refused)).finally(() => { asking = null; });
  await asking;
}

function ask(wrong) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true, "aria-describedby": "key-why" });
    const dialog = h("dialog", { "aria-labelledby": "key-title" },
      h("form", { onsubmit: (event) => { event.preventDefault(); localStorage.setItem(NAME, field.value.trim()); dialog.close(); } },
        h("h2", { id: "key-title" }, "This Diptych asks for a key"),
        h("p", { id: "key-why" }, wrong ? "That key is not one of this server's. Enter another one." : "It is what DIPTYCH_API_KEY was set to. This browser keeps it."),
        h("p", { class: "row" }, h("label", { for: "key" }, "API key"), field, button("Use this key", null, { type: "submit", class: "primary" }))));
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // nothing works without it
    dialog.addEventListener("close", () => { dialog.remove(); resolve(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
