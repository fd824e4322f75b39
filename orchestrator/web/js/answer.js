/** One answer: its items in their order, from stored items or from a response's events. */

import { announce, h } from "./dom.js";
import { MessageView } from "./message.js";
import { PaintingView } from "./painting.js";
import { HostedView } from "./hosted.js";

function viewOf(item, shown) {
  if (item.type === "message") return new MessageView(item);
  if (item.type === "image_generation_call") return new PaintingView(item);
  return new HostedView(item, shown);
}

/** A sentence of the server's; what stands in backticks is a command or a name. */
const sentence = (words) => words.split("`").map((part, at) => (at % 2 ? h("code", {}, part) : part));

export class Answer {
  constructor() {
    this.views = new Map();
    this.shown = new Map();
    this.note = h("p", { class: "note", hidden: true });
    this.element = h("article", { class: "turn answer", "aria-label": "Diptych said" }, this.note);
  }

  /** An item as it stands in the records. */
  add(item) {
    const view = viewOf(item, this.shown);
    this.views.set(item.id, view);
    this.note.before(view.element);
  }

  /** Waits for its first item. */
  think() {
    this.say("Thinking", "thinking");
  }

  /** An event of the response. Returns the response where it is the last. */
  apply(event) {
    const { type } = event;
    if (type === "response.output_item.added") {
      this.say("");
      this.add(event.item);
    } else if (type === "response.output_text.delta") {
      this.views.get(event.item_id)?.add(event.delta);
    } else if (type === "response.output_item.done") {
      this.views.get(event.item.id)?.finish(event.item);
      if (event.item.type !== "message") this.think();
    } else if (type.startsWith("diptych:job_")) {
      this.views.get(event.item_id)?.job?.(event);
    } else if (["response.completed", "response.incomplete", "response.failed"].includes(type)) {
      this.end(event.response);
      return event.response;
    }
    return null;
  }

  end(response) {
    this.views.forEach((view) => view.over?.());
    const words = {
      completed: "",
      incomplete: "The answer came to its limit and ends here.",
      cancelled: "Stopped.",
      failed: response.error?.message ?? "That went wrong.",
    };
    this.say(words[response.status], response.status === "failed" ? "error" : "");
    announce(words[response.status] || this.element.querySelector(".prose:last-of-type")?.textContent || "");
  }

  say(words, manner = "", ...actions) {
    this.note.className = `note ${manner}`;
    this.note.hidden = !words;
    this.note.replaceChildren(h("span", {}, sentence(words)), ...actions.filter(Boolean));
  }
}
