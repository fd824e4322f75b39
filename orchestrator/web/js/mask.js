/** Where a picture may change: painted over it with a brush, or drawn as a box. */

import { button, h } from "./dom.js";

const TINT = "rgb(255 96 32 / 55%)";

export class MaskCanvas {
  /** Over a picture that is loaded. */
  constructor(picture) {
    this.picture = picture;
    this.tool = "brush";
    this.box = null;
    this.touched = false;
    this.canvas = h("canvas", { width: picture.naturalWidth, height: picture.naturalHeight, tabindex: 0, role: "img", "aria-label": "Where the picture may change. Arrow keys move, Shift with arrow keys sizes a box." });
    this.pen = this.canvas.getContext("2d");
    this.size = h("input", { type: "range", id: "brush", min: 2, max: 64, value: 16 });
    this.tools = ["brush", "box"].map((tool) => button(tool === "brush" ? "Brush" : "Box", () => this.choose(tool), { "aria-pressed": String(tool === this.tool) }));
    this.element = h("div", { class: "mask" },
      h("div", { class: "stage" }, h("img", { src: picture.src, alt: "The picture to change" }), this.canvas),
      h("p", { class: "row" }, this.tools, h("label", { for: "brush" }, "Width"), this.size, button("Clear", () => this.clear())));
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  choose(tool) {
    this.tool = tool;
    this.tools.forEach((one, at) => one.setAttribute("aria-pressed", String(["brush", "box"][at] === tool)));
    this.clear();
  }

  clear() {
    this.pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.box = null;
    this.touched = false;
  }

  at(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) * this.canvas.width) / width, ((event.clientY - top) * this.canvas.height) / height];
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.from = this.at(event);
    if (this.tool === "brush") this.dab(...this.from);
  }

  move(event) {
    if (!event.buttons || !this.from) return;
    const [x, y] = this.at(event);
    if (this.tool === "brush") this.dab(x, y);
    else this.draw([this.from[0], this.from[1], x, y]);
  }

  dab(x, y) {
    this.touched = true;
    Object.assign(this.pen, { strokeStyle: TINT, lineWidth: Number(this.size.value), lineCap: "round" });
    this.pen.beginPath();
    this.pen.moveTo(...this.from);
    this.pen.lineTo(x, y);
    this.pen.stroke();
    this.from = [x, y];
  }

  /** A box between two corners, within the picture. */
  draw([x1, y1, x2, y2]) {
    const clip = (value, most) => Math.min(Math.max(Math.round(value), 0), most);
    const [left, right] = [clip(Math.min(x1, x2), this.canvas.width), clip(Math.max(x1, x2), this.canvas.width)];
    const [top, bottom] = [clip(Math.min(y1, y2), this.canvas.height), clip(Math.max(y1, y2), this.canvas.height)];
    this.clear();
    this.pen.fillStyle = TINT;
    this.pen.fillRect(left, top, right - left, bottom - top);
    this.box = right > left && bottom > top ? [left, top, right, bottom] : null;
  }

  /** A box by keyboard: in the middle at first. */
  key(event) {
    const [dx, dy] = { ArrowLeft: [-4, 0], ArrowRight: [4, 0], ArrowUp: [0, -4], ArrowDown: [0, 4] }[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    if (this.tool !== "box") this.choose("box");
    const { width, height } = this.canvas;
    const [left, top, right, bottom] = this.box ?? [width / 4, height / 4, (3 * width) / 4, (3 * height) / 4];
    this.draw(event.shiftKey ? [left, top, right + dx, bottom + dy] : [left + dx, top + dy, right + dx, bottom + dy]);
  }

  /** A data URL of a mask: transparent where the picture may change; null where nothing was painted. */
  get mask() {
    if (!this.touched) return null;
    const { width, height } = this.canvas;
    const whole = h("canvas", { width, height });
    const pen = whole.getContext("2d");
    pen.putImageData(opened(this.pen.getImageData(0, 0, width, height)), 0, 0);
    return whole.toDataURL("image/png");
  }
}

function opened(image) {
  for (let at = 3; at < image.data.length; at += 4) image.data[at] = image.data[at] ? 0 : 255;
  return image;
}
