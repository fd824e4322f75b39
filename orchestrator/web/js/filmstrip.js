/** How a picture formed: a slider from the first frame to the last, and small frames below it. */

import { get, events, send } from "./api.js";
import { h } from "./dom.js";

export class Filmstrip {
  /** `onframe(frame)` shows one of the frames: `{ source, words, step }`. */
  constructor(onframe) {
    this.onframe = onframe;
    this.frames = [];
    this.slider = h("input", { type: "range", min: 0, step: 1, "aria-label": "From static to picture", oninput: () => this.show(Number(this.slider.value)) });
    this.strip = h("div", { class: "frames", "aria-hidden": "true" });
    this.element = h("div", { class: "filmstrip", hidden: true }, this.slider, this.strip);
  }

  /** The frames of a finished picture, which is the last of them. */
  set(frames) {
    this.frames = frames;
    this.strip.replaceChildren(...frames.map((frame, at) => h("img", { src: frame.source, alt: "", onclick: () => this.show(at) })));
    this.slider.max = frames.length - 1;
    this.element.hidden = frames.length < 2;
    this.mark(frames.length - 1);
  }

  show(at) {
    this.mark(at);
    this.onframe(this.frames[at]);
  }

  mark(at) {
    this.slider.value = at;
    this.slider.setAttribute("aria-valuetext", this.frames[at]?.words ?? "");
    [...this.strip.children].forEach((one, place) => one.classList.toggle("marked", place === at));
  }
}

export const frameOf = (event) => ({ source: `data:image/jpeg;base64,${event.partial_image_b64}`, words: `After step ${event.step}`, step: event.step });

/** The frames of a picture that was painted before, from the events of its response; none where that is gone. */
export async function framesOf(responseId, itemId) {
  const { status } = await get(`responses/${responseId}`);
  if (status === "in_progress" || status === "queued") return [];
  const frames = [];
  for await (const event of events(await send("GET", `responses/${responseId}?stream=true`))) {
    if (event.item_id !== itemId) continue;
    if (event.type === "diptych:job_started") frames.length = 0; // a second attempt paints anew
    if (event.type === "diptych:job_preview") frames.push(frameOf(event));
  }
  return frames;
}
