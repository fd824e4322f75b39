/** The conversations of this key: listed by their last activity, searched, renamed, deleted. */

import { get, json, post } from "./api.js";
import { confirmed } from "./dialogs.js";
import { button, h, notice } from "./dom.js";
import { go, wantedConversation } from "./going.js";
import { tell } from "./others.js";

const PAGE = 30;

export class Sidebar {
  constructor(element) {
    this.element = element;
    this.shown = PAGE;
    this.renaming = null;
    this.search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search conversations", maxlength: 200, oninput: () => this.searchSoon() });
    this.list = h("ul", { "aria-label": "Conversations" });
    this.more = button("Older ones", () => { this.shown += PAGE; this.refresh(); }, { class: "quiet", hidden: true });
    this.none = h("p", { class: "muted", hidden: true });
    this.foot = h("div", { class: "foot" });
    element.append(h("a", { class: "button", href: "./", "data-go": true }, "New conversation"), this.search, this.list, this.none, this.more, this.foot);
  }

  searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 200);
  }

  async refresh() {
    if (this.renaming) return;
    const query = this.search.value.trim();
    try {
      const { entries, more } = await this.listed(query);
      if (query === this.search.value.trim() && !this.renaming) this.show(entries, more);
    } catch (error) {
      notice(error.message);
    }
  }

  /** As many of the newest as are shown. */
  async listed(query) {
    const entries = [];
    while (true) {
      const after = entries.length ? `&after=${entries.at(-1).id}` : "";
      const limit = Math.min(this.shown - entries.length, 100);
      const { data, has_more: more } = await get(`conversations?limit=${limit}&query=${encodeURIComponent(query)}${after}`);
      entries.push(...data);
      if (!more || entries.length >= this.shown) return { entries, more };
    }
  }

  show(entries, more) {
    const told = JSON.stringify([entries.map(({ id, title, running_response_id: runs }) => [id, title, runs]), wantedConversation()]);
    this.more.hidden = !more;
    this.none.hidden = entries.length > 0;
    this.none.textContent = this.search.value ? "Nothing like that was said." : "What you talk about stands here.";
    if (told === this.told) return; // a list that is drawn anew takes the focus away
    this.told = told;
    const focused = this.list.contains(document.activeElement) ? document.activeElement.dataset.mark : null;
    this.list.replaceChildren(...entries.map((entry) => this.row(entry)));
    if (focused) this.list.querySelector(`[data-mark="${focused}"]`)?.focus();
  }

  row(entry) {
    const title = entry.title ?? "Nothing said yet";
    const current = wantedConversation() === entry.id;
    const row = h("li", { "aria-current": current ? "page" : null },
      h("a", { href: `?conversation=${entry.id}`, "data-go": true, "data-mark": entry.id, dir: "auto", title }, title),
      entry.running_response_id ? h("span", { class: "runs", role: "img", "aria-label": "An answer is being given" }) : null,
      h("span", { class: "row" },
        button("✎", () => this.rename(entry, row, title), { class: "quiet", "aria-label": `Rename ${title}`, title: "Rename", "data-mark": `rename-${entry.id}` }),
        button("✕", () => this.remove(entry, title), { class: "quiet", "aria-label": `Delete ${title}`, title: "Delete", "data-mark": `delete-${entry.id}` })));
    return row;
  }

  rename(entry, row, title) {
    const field = h("input", { "aria-label": "New name", maxlength: 200, onkeydown: (event) => { if (event.key === "Escape") done(); } });
    const done = () => { this.renaming = null; this.told = null; this.refresh(); };
    const save = async (event) => {
      event.preventDefault();
      await this.attempt(post(`conversations/${entry.id}`, { metadata: { ...entry.metadata, title: field.value.trim() || title } }));
      done();
    };
    field.value = title;
    this.renaming = entry.id;
    row.replaceChildren(h("form", { onsubmit: save, onfocusout: (event) => { if (!row.contains(event.relatedTarget)) done(); } }, field));
    field.select();
  }

  async remove(entry, title) {
    if (!(await confirmed(`Delete “${title}” with all that was said and painted in it?`, "Delete it"))) return;
    if (entry.running_response_id) await this.attempt(post(`responses/${entry.running_response_id}/cancel`));
    await this.attempt(json("DELETE", `conversations/${entry.id}`));
    if (wantedConversation() === entry.id) go("./");
    await this.refresh();
  }

  /** Does it, and tells the other tabs; says what went wrong. */
  async attempt(doing) {
    try {
      await doing;
      tell();
    } catch (error) {
      notice(error.message);
    }
  }
}
