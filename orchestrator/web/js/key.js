/** The API key: asked for once, where the server wants one. It stays with this tab, or on the device if they say so. */

import { button, h } from "./dom.js";
import { forDevice, forTab } from "./storage.js";

const NAME = "diptych.key";
let asking = null;

export const key = () => forTab.getItem(NAME) ?? forDevice.getItem(NAME) ?? "";

function keep(value, remember) {
  forgetKey();
  (remember ? forDevice : forTab).setItem(NAME, value);
}

export function forgetKey() {
  forTab.removeItem(NAME);
  forDevice.removeItem(NAME);
}

/** Ask, if the key is still the one that was `refused`. Resolves when another one is there. */
export async function askForKey(refused) {
  if (key() && refused !== `Bearer ${key()}`) return;
  asking ??= ask(Boolean(refused)).finally(() => { asking = null; });
  await asking;
}

function ask(wrong) {
  return new Promise((resolve) => {
    const field = h("input", { type: "password", id: "key", autocomplete: "current-password", required: true, pattern: "\\s*[!-~]+\\s*", title: "A key has letters, digits and signs of ASCII, and no blanks", "aria-describedby": "key-why" });
    const remember = h("input", { type: "checkbox", id: "key-stays", checked: forDevice.getItem(NAME) !== null });
    const dialog = h("dialog", { "aria-labelledby": "key-title" },
      h("form", { onsubmit: (event) => { event.preventDefault(); keep(field.value.trim(), remember.checked); dialog.close(); } },
        h("h2", { id: "key-title" }, "This Diptych asks for a key"),
        h("p", { id: "key-why" }, wrong ? "That key is not one of this server's. Enter another one." : "It is what DIPTYCH_API_KEY was set to. It is kept until this tab is closed."),
        h("p", { class: "row" }, h("label", { for: "key" }, "API key"), field, button("Use this key", null, { type: "submit", class: "primary" })),
        h("p", { class: "row" }, remember, h("label", { for: "key-stays" }, "Remember it on this device"))));
    dialog.addEventListener("cancel", (event) => event.preventDefault()); // nothing works without it
    dialog.addEventListener("close", () => { dialog.remove(); resolve(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}
