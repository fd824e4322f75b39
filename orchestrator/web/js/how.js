/** How this works, on the person's own pictures: what the VLM is shown of one, and how the two systems made another. */

import { pictureTokens } from "./attachments.js";
import { button, h } from "./dom.js";
import { svg } from "./page.js";
import { NoiseSchedule } from "./schedule.js";

/** Columns and rows of a grid of so many patches that fits a picture's shape best; null where none fits exactly. */
export function gridOf(patches, aspect) {
  let best = null;
  for (let rows = 1; rows <= patches; rows += 1) {
    if (patches % rows) continue;
    const columns = patches / rows;
    const off = Math.abs(Math.log(columns / rows / aspect));
    if (best === null || off < best.off) best = { columns, rows, off };
  }
  return best !== null && best.off < Math.LN2 ? best : null;
}

function grid({ columns, rows }) {
  const lines = [];
  for (let x = 1; x < columns; x += 1) lines.push(svg("line", { x1: x, x2: x, y1: 0, y2: rows }));
  for (let y = 1; y < rows; y += 1) lines.push(svg("line", { x1: 0, x2: columns, y1: y, y2: y }));
  return svg("svg", { viewBox: `0 0 ${columns} ${rows}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...lines);
}

/** A picture that was sent, with a button that draws the VLM's patches over it. */
export function seen(picture) {
  const words = h("figcaption", { class: "muted", hidden: true });
  const shown = h("div", { class: "seen" }, picture);
  const toggle = button("As the model sees it", async () => {
    const over = shown.querySelector("svg");
    const open = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(open));
    words.hidden = !open;
    if (over) over.style.display = open ? "" : "none";
    else await explain();
  }, { class: "quiet small", "aria-pressed": "false" });

  async function explain() {
    words.textContent = "Asking the model…";
    try {
      const patches = await pictureTokens(picture.src);
      const fitting = patches && gridOf(patches, picture.naturalWidth / picture.naturalHeight);
      if (fitting) shown.append(grid(fitting));
      words.textContent = patches
        ? `It is cut into ${patches} patches${fitting ? `, ${fitting.columns} × ${fitting.rows}` : ""}, each one token for the model. What is smaller than a patch is lost to it: small print is read by OCR.`
        : "This model's server does not tell how it cuts pictures into patches.";
    } catch (error) {
      words.textContent = error.message;
    }
  }

  return h("figure", {}, shown, toggle, words);
}

/** The two systems behind a painted picture, side by side; `step` moves the mark on the noise schedule. */
export class HowPainted {
  constructor() {
    this.wrote = h("code", {});
    this.schedule = new NoiseSchedule();
    this.words = h("p", {});
    this.element = h("details", { class: "how" }, h("summary", {}, "How this works"),
      h("div", { class: "panels" },
        h("div", { class: "panel", role: "group", "aria-label": "The model that talks" }, h("h3", {}, "One system talks"),
          h("p", {}, "It read your words and the pictures so far as tokens, and wrote this call. It never touches a pixel."), this.wrote),
        h("div", { class: "panel", role: "group", "aria-label": "The model that paints" }, h("h3", {}, "The other one paints"),
          h("p", {}, "It began with pure noise, which the seed decides, and takes some of it away at each step, towards what the prompt says. Guidance is how strongly it leans there."),
          this.schedule.element, this.words)));
  }

  call(name, values) {
    this.wrote.textContent = `${name}(${values.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ")})`;
  }

  /** How much of the picture is noise before each step and after the last one. */
  prepare(noise) {
    this.schedule.set(noise);
  }

  step(step, total) {
    const left = this.schedule.mark(step);
    this.words.textContent = step < total
      ? `Step ${step} of ${total}${left && `: ${left}`}.`
      : `All ${total} steps are done; a decoder made pixels of it.`;
  }
}
