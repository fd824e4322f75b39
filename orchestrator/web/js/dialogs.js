/** Questions to the person, as dialogs that can be answered by keyboard. */

import { button, h } from "./dom.js";

/** Whether they want it. */
export function confirmed(question, action) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": question },
      h("form", { method: "dialog" },
        h("p", {}, question),
        h("p", { class: "row" },
          button(action, null, { type: "submit", value: "yes", class: "danger" }),
          button("Leave it", null, { type: "submit", value: "no", autofocus: true }))));
    show(dialog, () => resolve(dialog.returnValue === "yes"));
  });
}

/** Puts a dialog before everything else; it is gone when it is closed. */
export function show(dialog, onclose = () => {}) {
  dialog.addEventListener("close", () => { dialog.remove(); onclose(); });
  document.body.append(dialog);
  dialog.showModal();
}
