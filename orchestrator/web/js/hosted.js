/** The card of a call to one of the model's other tools. */

import { h } from "./dom.js";

const TITLES = { "diptych:read_text_call": "Reading", "diptych:look_closer_call": "Looking closer" };

export class HostedView {
  constructor(item) {
    this.state = h("span", { class: "state", role: "status" });
    this.body = h("div", { class: "body" });
    this.element = h("section", { class: "card", "aria-label": TITLES[item.type] ?? item.type },
      h("header", {}, h("h3", {}, TITLES[item.type] ?? item.type), this.state), this.body);
    this.finish(item);
  }

  job(event) {
    const kind = event.type.replace("diptych:job_", "");
    if (kind === "queued" && event.place !== null) this.state.textContent = `Number ${event.place} in the queue`;
    if (kind === "started") this.state.textContent = "A worker reads";
  }

  finish(item) {
    this.item = item;
    const ends = { in_progress: "", completed: "Done", failed: item.error?.message };
    this.state.textContent = ends[item.status];
  }
}
