/** The side on a narrow page: opened by its button, closed by Escape, by a choice, and by a touch elsewhere. */

export function menu(opener, side) {
  const set = (open) => {
    side.classList.toggle("open", open);
    opener.setAttribute("aria-expanded", String(open));
  };
  opener.addEventListener("click", () => {
    set(!side.classList.contains("open"));
    if (side.classList.contains("open")) side.querySelector("a, button")?.focus();
  });
  side.addEventListener("click", (event) => { if (event.target.closest("a")) set(false); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !side.classList.contains("open")) return;
    set(false);
    opener.focus();
  });
  document.querySelector("#main").addEventListener("pointerdown", () => set(false));
}
