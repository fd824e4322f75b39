/** A picture with boxes over it, linked with a list of lines: either shows where the other one is. */

import { ownPicture } from "./api.js";
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Boxes (left, top, right, bottom) to lay over a picture of that size. */
export function boxesOver([width, height], boxes) {
  const shapes = boxes.map(([left, top, right, bottom]) =>
    svg("rect", { x: left, y: top, width: right - left, height: bottom - top }));
  return { shapes, over: svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...shapes) };
}

/** A picture of that size with boxes drawn over it. */
export function boxed(link, [width, height], boxes, words) {
  const { shapes, over } = boxesOver([width, height], boxes);
  const element = h("figure", { class: "boxed" }, h("img", { src: ownPicture(link), alt: words, width, height }), over);
  return { element, shapes };
}

/** Text that was read, beside the picture that it was read from. */
export class ReadPage {
  constructor(link, { lines, width, height }) {
    const { element, shapes } = boxed(link, [width, height], lines.map((line) => line.box), "The page that was read");
    this.shapes = shapes;
    this.lines = lines.map((line) => h("li", { title: `${Math.round(100 * line.confidence)} % sure` }, line.text));
    this.sure = h("p", { class: "muted", role: "status" });
    this.list = h("ol", { class: "lines", tabindex: 0, "aria-label": "Lines that were read; arrow keys go through them", onkeydown: (event) => this.pressed(event) }, this.lines);
    this.confidences = lines.map((line) => line.confidence);
    this.at = -1;
    [...this.lines, ...this.shapes].forEach((one, at) =>
      one.addEventListener("pointerenter", () => this.mark(at % lines.length, one instanceof SVGElement)));
    this.element = h("div", { class: "read" }, element, h("div", { class: "text" }, this.list, this.sure));
  }

  /** Show one line in both places. */
  mark(at, scroll) {
    for (const many of [this.lines, this.shapes]) {
      many[this.at]?.classList.remove("marked");
      many[at].classList.add("marked");
    }
    this.at = at;
    if (scroll) this.list.scrollTop = this.lines[at].offsetTop - this.list.offsetTop - this.list.clientHeight / 2;
    this.sure.textContent = `Line ${at + 1} of ${this.lines.length}, ${Math.round(100 * this.confidences[at])} % sure`;
  }

  pressed(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || this.lines.length === 0) return;
    event.preventDefault();
    this.mark(Math.min(Math.max(this.at + step, 0), this.lines.length - 1), true);
  }
}
