/** The card of a call to one of the model's other tools: exact text from a page, a closer look at a part of a picture. */

import { announce, button, copy, h } from "./dom.js";
import { boxed, ReadPage } from "./page.js";

const TITLES = { "diptych:read_text_call": "Reading", "diptych:look_closer_call": "Looking closer" };

export class HostedView {
  /** `shown`: which card of its answer shows which page; one that is read twice is shown by the first. */
  constructor(item, shown) {
    this.shown = shown;
    this.state = h("span", { class: "state", role: "status" });
    this.body = h("div", { class: "body" });
    this.element = h("div", { class: "card reading", role: "group", "aria-label": TITLES[item.type] ?? item.type },
      h("header", {}, h("h2", {}, TITLES[item.type] ?? item.type), this.state),
      h("div", { class: "call" }, h("code", {}, Object.entries(item.arguments).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n"))),
      this.body);
    this.finish(item);
  }

  job(event) {
    const kind = event.type.replace("diptych:job_", "");
    if (kind === "queued" && event.place !== null) this.state.textContent = `Number ${event.place} in the queue`;
    if (kind === "started") this.state.textContent = "The page is being read";
  }

  finish(item) {
    if (item.status === "failed") {
      this.state.textContent = item.error.message;
      this.state.classList.add("error");
    } else if (item.status === "completed") {
      this.state.textContent = "Done";
      if (item.output) this.read(item);
      else if (item.arguments.box) this.looked(item);
    }
  }

  read({ arguments: { image }, image_url: link, output }) {
    const count = output.lines.length;
    this.state.textContent = count ? `${count} ${count === 1 ? "line" : "lines"}, by ${output.engine}` : "There is no text in it.";
    if (!count) return;
    const page = `${image} ${output.text}`;
    if (!this.shown.has(page)) this.shown.set(page, this);
    if (this.shown.get(page) !== this) {
      this.state.textContent += ", as above";
      return;
    }
    const take = button("Copy text", async () => { await copy(output.text); announce("The text is copied."); take.textContent = "Copied"; });
    this.body.replaceChildren(new ReadPage(link, output).element, h("div", { class: "row actions" }, take));
  }

  /** The part of the picture that was enlarged; the picture tells its own size. */
  looked({ image_url: link, arguments: { box } }) {
    const probe = new Image();
    probe.onload = () => {
      const { element, shapes } = boxed(link, [probe.naturalWidth, probe.naturalHeight], [box], "The picture, with the part that was looked at");
      shapes[0].classList.add("marked");
      this.body.replaceChildren(element);
    };
    probe.src = boxed(link, [1, 1], [], "").element.querySelector("img").src;
  }
}
