/** One conversation: what is being answered, and saying more. All of it lives on the server. */

import { get, once, post } from "./api.js";
import { Answer } from "./answer.js";
import { Composer } from "./composer.js";
import { button, h, notice } from "./dom.js";
import { follow, insist } from "./following.js";
import { Log } from "./log.js";
import { userTurn } from "./message.js";

const PAGE = 50;

/** The model's tools by name, so that their calls are shown; a mask goes with the painter's. */
function toolsWith(mask) {
  const painter = { type: "image_generation", ...(mask && { input_image_mask: { image_url: mask } }) };
  return [painter, { type: "diptych:read_text" }, { type: "diptych:look_closer" }];
}

export class ConversationPage {
  /** `onmade(id)`: it begins to exist; `onchange()`: something began or ended in it; `onlost()`: it is not there. */
  constructor(id, { onmade, onchange, onlost }) {
    Object.assign(this, { id, onmade, onchange, onlost });
    this.leaving = new AbortController();
    this.running = null;
    this.log = new Log((after) => this.page(after));
    this.composer = new Composer({
      onsend: (parts, painting) => this.say(parts, painting), onstop: () => this.stop(), conversation: () => this.id,
    });
    this.element = h("div", { class: "page" }, this.log.element, this.composer.element);
    this.log.element.addEventListener("wish", (event) => this.wish(event.detail));
    this.log.element.addEventListener("use", ({ detail }) => this.composer.use(detail.name, detail.source));
    if (id === null) this.log.invite((text) => this.composer.put(text));
  }

  begin() {
    this.composer.field.focus();
    if (this.id !== null) this.catchUp();
  }

  close() {
    this.leaving.abort(new DOMException("left", "AbortError"));
  }

  /** What was said elsewhere since, or at first all; then what is being answered. */
  async catchUp() {
    if (this.id === null || this.composer.busy || this.catching) return;
    this.catching = true;
    try {
      await this.log.catchUp();
      const { running_response_id: running } = await this.ask(`conversations/${this.id}`);
      if (running && !this.composer.busy) await this.takeUp(running);
    } catch (error) {
      if (this.leaving.signal.aborted) return;
      notice(error.status === 404 ? "This conversation is gone." : error.message);
      if (error.status === 404) this.onlost();
    } finally {
      this.catching = false;
    }
  }

  ask(path) {
    return get(path, { signal: this.leaving.signal });
  }

  page(cursor) {
    return this.ask(`conversations/${this.id}/items?limit=${PAGE}&${cursor}`);
  }

  /** A response that somebody began: this page before it was loaded again, or another one. */
  async takeUp(responseId) {
    const { data } = await this.ask(`responses/${responseId}/input_items?limit=20`);
    const known = data.findIndex((item) => item.id === this.log.newest);
    const asked = data.slice(0, known < 0 ? data.length : known).reverse();
    for (const item of asked) if (item.role === "user") this.log.add(userTurn(item.content));
    await this.watch(responseId, new Answer());
  }

  /** A picture shall be painted again or changed, as it was put together by hand. */
  wish({ text, call, mask = null, painting = {} }) {
    if (this.composer.busy) {
      notice("An answer is being given. Wait for it, or stop it.");
      return;
    }
    this.say([{ type: "input_text", text }], { ...painting, call }, mask);
  }

  async say(parts, painting, mask = null) {
    if (this.id === null) this.log.clear();
    const said = userTurn(parts);
    const answer = new Answer();
    this.log.add(said, answer.element);
    answer.think();
    this.composer.setBusy(true);
    try {
      await this.exist(parts);
      const body = {
        model: "diptych", conversation: this.id, background: true, truncation: "auto", tools: toolsWith(mask), diptych: painting,
        input: [{ type: "message", role: "user", content: parts }],
      };
      const { id } = await insist("responses", body, once(), this.leaving.signal);
      await this.watch(id, answer, () => this.say(parts, painting, mask));
    } catch (error) {
      if (this.leaving.signal.aborted) return;
      this.composer.setBusy(false);
      answer.say(error.message, "error", button("Try again", () => { said.remove(); answer.element.remove(); this.say(parts, painting, mask); }));
    }
  }

  /** Make the conversation, if there is none yet. */
  async exist(parts) {
    if (this.id !== null) return;
    const text = parts.find((part) => part.type === "input_text")?.text ?? "A picture";
    const { id } = await post("conversations", { metadata: { title: text.slice(0, 80) } }, { headers: once() });
    this.id = id;
    this.onmade(id);
  }

  /** Show a response as it comes, to its end. */
  async watch(responseId, answer, again = null) {
    this.running = responseId;
    if (!answer.element.isConnected) this.log.add(answer.element);
    answer.think();
    this.composer.setBusy(true);
    this.onchange();
    try {
      for await (const event of follow(responseId, this.leaving.signal)) {
        const response = answer.apply(event);
        if (response) this.ended(response, answer, again);
      }
    } finally {
      this.running = null;
      this.composer.setBusy(false);
    }
    this.onchange();
  }

  ended(response, answer, again) {
    if (["completed", "incomplete"].includes(response.status)) this.log.newest = response.output.at(-1)?.id ?? this.log.newest;
    else if (again) answer.note.append(button("Try again", again));
  }

  async stop() {
    if (this.running) await post(`responses/${this.running}/cancel`, undefined, { headers: once() });
  }
}
