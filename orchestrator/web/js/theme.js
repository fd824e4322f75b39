/** Light, dark, or as the system has it; this browser keeps the choice. */

import { button } from "./dom.js";
import { forDevice } from "./storage.js";

const NAME = "diptych.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const LABELS = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export function themeButton() {
  let theme = forDevice.getItem(NAME) ?? "auto";
  const turn = button(LABELS[theme], () => {
    theme = NEXT[theme];
    forDevice.setItem(NAME, theme);
    turn.textContent = LABELS[theme];
    apply(theme);
  }, { class: "quiet" });
  return turn;
}

apply(forDevice.getItem(NAME) ?? "auto");
