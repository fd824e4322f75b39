/** A painter's noise schedule: how much of the picture is noise before each step and after the last one, with a mark
 * where it is now. */

import { h } from "./dom.js";
import { svg } from "./page.js";

const [WIDTH, HEIGHT] = [300, 90];

const percent = (share) => `${share > 0 && share < 0.01 ? "under 1" : Math.round(100 * share)} %`;

export class NoiseSchedule {
  constructor() {
    this.noise = [];
    this.area = svg("path", { class: "noise" });
    this.done = svg("path", { class: "done" });
    this.dot = svg("circle", { r: 5, cx: 0, cy: 0 });
    this.drawing = svg("svg", { viewBox: `-8 -8 ${WIDTH + 16} ${HEIGHT + 16}`, role: "img" }, this.area, this.done, this.dot);
    this.element = h("figure", { class: "schedule", hidden: true }, this.drawing,
      h("figcaption", { class: "muted" }, "Noise left in the picture, from the first step (left) to the last: this painter's real schedule."));
  }

  /** The levels, shares from 1 (all noise) to 0. */
  set(noise) {
    this.noise = noise;
    this.element.hidden = noise.length < 2;
    this.area.setAttribute("d", this.filled(noise.length - 1));
    this.mark(0);
  }

  /** So many steps are done. Returns what is left, in words; empty where the schedule is not known. */
  mark(step) {
    if (step >= this.noise.length) return "";
    const [x, y] = this.at(step);
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", y);
    this.done.setAttribute("d", this.filled(step));
    const words = `${percent(this.noise[step])} of it is noise`;
    this.drawing.setAttribute("aria-label", `Noise schedule of ${this.noise.length - 1} steps. After step ${step}, ${words}.`);
    return words;
  }

  at(step) {
    return [(WIDTH * step) / (this.noise.length - 1), HEIGHT * (1 - this.noise[step])];
  }

  /** The area below the curve, as far as a step. */
  filled(last) {
    const points = this.noise.slice(0, last + 1).map((_, step) => this.at(step).map((value) => value.toFixed(1)).join(","));
    return `M0,${HEIGHT} L${points.join(" L")} L${this.at(last)[0].toFixed(1)},${HEIGHT} Z`;
  }
}
