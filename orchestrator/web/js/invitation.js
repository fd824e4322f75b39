/** What an empty conversation invites to. */

import { button, h } from "./dom.js";

const WISHES = ["Draw an orange cat in a cardboard box", "Draw two red apples on the beach", "Draw a blue car in the snow"];

export function invitation(onchoice) {
  return h("section", { class: "invitation" },
    h("h2", {}, "What shall be painted?"),
    h("p", { class: "muted" }, "One model sees and talks; when a picture is wanted, another one paints it before your eyes. Attach a page, and it is read word for word."),
    h("ul", {}, WISHES.map((wish) => h("li", {}, button(wish, () => onchoice(wish))))));
}
