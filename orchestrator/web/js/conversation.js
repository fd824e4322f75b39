/** One conversation: what was said, what is being answered, and saying more. All of it lives on the server. */

import { get, once, post } from "./api.js";
import { Answer } from "./answer.js";
import { Composer } from "./composer.js";
import { button, h } from "./dom.js";
import { follow, insist } from "./following.js";
import { invitation } from "./invitation.js";
import { userTurn } from "./message.js";

const TOOLS = [{ type: "image_generation" }, { type: "diptych:read_text" }, { type: "diptych:look_closer" }];
const PAGE = 50;

export class ConversationPage {
  /** `onchange(id)` is called when it begins to exist, and when something was added to it. */
  constructor(id, onchange) {
    this.id = id;
    this.onchange = onchange;
    this.leaving = new AbortController();
    this.running = null;
    this.newest = null;
    this.turns = h("div", { class: "turns" });
    this.scroller = h("div", { class: "said-so-far", tabindex: 0, role: "log", "aria-label": "Conversation" }, this.turns);
    this.composer = new Composer({ onsend: (parts, painting) => this.say(parts, painting), onstop: () => this.stop() });
    this.element = h("div", { class: "page" }, this.scroller, this.composer.element);
    if (id === null) this.turns.append(invitation((text) => this.composer.put(text)));
    else this.opening = this.open();
  }

  close() {
    this.leaving.abort(new DOMException("left", "AbortError"));
  }

  async open() {
    const options = { signal: this.leaving.signal };
    const { data } = await get(`conversations/${this.id}/items?limit=${PAGE}`, options);
    this.show(data.reverse());
    const { running_response_id: running } = await get(`conversations/${this.id}`, options);
    if (running) await this.takeUp(running);
  }

  /** Items that follow what is shown. */
  show(items) {
    let answer = null;
    for (const item of items) {
      if (item.type === "message" && item.role === "user") {
        this.turns.append(userTurn(item.content));
        answer = null;
        continue;
      }
      if (answer === null) this.turns.append((answer = new Answer()).element);
      answer.add(item);
    }
    this.newest = items.at(-1)?.id ?? this.newest;
    this.toEnd();
  }

  /** A response that somebody began: this page before it was loaded again, or another one. */
  async takeUp(responseId) {
    const { data } = await get(`responses/${responseId}/input_items?limit=20`, { signal: this.leaving.signal });
    const known = data.findIndex((item) => item.id === this.newest);
    const asked = data.slice(0, known < 0 ? data.length : known).reverse();
    for (const item of asked) if (item.role === "user") this.turns.append(userTurn(item.content));
    await this.watch(responseId, new Answer());
  }

  async say(parts, painting) {
    if (this.id === null) this.turns.replaceChildren();
    const said = userTurn(parts);
    const answer = new Answer();
    this.turns.append(said, answer.element);
    answer.think();
    this.composer.setBusy(true);
    this.toEnd();
    try {
      await this.exist(parts);
      const body = {
        model: "diptych", conversation: this.id, background: true, truncation: "auto", tools: TOOLS, diptych: painting,
        input: [{ type: "message", role: "user", content: parts }],
      };
      const { id } = await insist("responses", body, once(), this.leaving.signal);
      await this.watch(id, answer, () => this.say(parts, painting));
    } catch (error) {
      if (this.leaving.signal.aborted) return;
      this.composer.setBusy(false);
      answer.say(error.message, "error", button("Try again", () => { said.remove(); answer.element.remove(); this.say(parts, painting); }));
    }
  }

  /** Make the conversation, if there is none yet. */
  async exist(parts) {
    if (this.id !== null) return;
    const text = parts.find((part) => part.type === "input_text")?.text ?? "A picture";
    const { id } = await post("conversations", { metadata: { title: text.slice(0, 80) } }, { headers: once() });
    this.id = id;
    this.onchange(id);
  }

  /** Show a response as it comes, to its end. */
  async watch(responseId, answer, again = null) {
    this.running = responseId;
    if (!answer.element.isConnected) this.turns.append(answer.element);
    answer.think();
    this.composer.setBusy(true);
    try {
      for await (const event of follow(responseId, this.leaving.signal)) {
        const atEnd = this.isAtEnd();
        const response = answer.apply(event);
        if (response) this.ended(response, answer, again);
        if (atEnd) this.toEnd();
      }
    } finally {
      this.running = null;
      this.composer.setBusy(false);
    }
    this.onchange(this.id);
  }

  ended(response, answer, again) {
    if (["completed", "incomplete"].includes(response.status)) this.newest = response.output.at(-1)?.id ?? this.newest;
    else if (again) answer.note.append(button("Try again", again));
  }

  async stop() {
    if (this.running) await post(`responses/${this.running}/cancel`, undefined, { headers: once() });
  }

  isAtEnd() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    return scrollHeight - scrollTop - clientHeight < 80;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}
