/** What was said in a conversation, as far as it was scrolled back: turns made of stored items, and live ones. */

import { Answer } from "./answer.js";
import { h } from "./dom.js";
import { invitation } from "./invitation.js";
import { userTurn } from "./message.js";

const NEAR = 40; // pixels: a line that goes, and another one that comes in its place, is no scroll of theirs

export class Log {
  /** `page(cursor)` gets a page of items from the server. */
  constructor(page) {
    this.page = page;
    this.newest = null;
    this.oldest = null;
    this.turns = h("div", { class: "turns" });
    this.top = h("p", { class: "muted", hidden: true }, "Earlier turns…");
    this.element = h("div", { class: "said-so-far", tabindex: 0, role: "region", "aria-label": "Conversation" }, this.top, this.turns);
    this.stays = true; // at the end, until somebody scrolls away from it
    this.element.addEventListener("scroll", () => { this.stays = this.isAtEnd(); }, { passive: true });
    this.placed = 0; // where toEnd went: whoever is above it scrolled, also where that event has not come yet
    const resized = new ResizeObserver(() => this.grew());
    for (const one of [this.turns, this.element]) resized.observe(one);
    new IntersectionObserver(([seen]) => { if (seen.isIntersecting) this.goBack(); }, { root: this.element, rootMargin: "600px" }).observe(this.top);
  }

  invite(onchoice) {
    this.stays = false;
    this.turns.append(invitation(onchoice));
  }

  clear() {
    this.turns.replaceChildren();
  }

  /** Turns at the end, of what is said here: it is gone to. */
  add(...elements) {
    this.stays = true;
    this.append(elements);
  }

  /** Turns at the end: who reads further up is left there. */
  append(elements) {
    this.turns.append(...elements);
    if (this.stays) this.toEnd();
  }

  /** What follows what is shown; at first the newest page. */
  async catchUp() {
    if (this.newest !== null) {
      const { data } = await this.page(`order=asc&after=${this.newest}`);
      this.append(this.made(data));
      this.newest = data.at(-1)?.id ?? this.newest;
      return;
    }
    const { data, has_more: more } = await this.page("order=desc");
    this.newest = data[0]?.id ?? null;
    this.add(...this.made(data.reverse()));
    this.oldest = data[0]?.id;
    this.top.hidden = !more;
  }

  /** One page of earlier turns, without moving what is read. */
  async goBack() {
    if (this.going) return;
    this.going = true;
    try {
      const { data, has_more: more } = await this.page(`order=desc&after=${this.oldest}`);
      const before = this.element.scrollHeight;
      this.turns.prepend(...this.made(data.reverse()));
      this.element.scrollTop += this.element.scrollHeight - before;
      this.oldest = data[0]?.id ?? this.oldest;
      this.top.hidden = true; // shown again, so that it is seen again where the page was short
      requestAnimationFrame(() => { this.top.hidden = !more; });
    } finally {
      this.going = false;
    }
  }

  /** Items as turns: what a person says begins a new one. */
  made(items) {
    const turns = [];
    let answer = null;
    for (const item of items) {
      if (item.type === "message" && item.role === "user") {
        turns.push(userTurn(item.content));
        answer = null;
      } else {
        if (answer === null) turns.push((answer = new Answer()).element);
        answer.add(item);
      }
    }
    return turns;
  }

  /** Turns are drawn higher or lower than they were guessed to be, and answers grow. */
  grew() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    if (this.stays && scrollTop >= Math.min(this.placed, scrollHeight - clientHeight) - NEAR) this.toEnd();
  }

  isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  toEnd() {
    this.element.scrollTop = this.element.scrollHeight;
    this.placed = this.element.scrollTop;
  }
}
