/** One conversation: what is being answered, and saying more. All of it lives on the server. */

import { get, json, once, post } from "./api.js";
import { Answer } from "./answer.js";
import { askedHere, request, titleOf } from "./asking.js";
import { Composer } from "./composer.js";
import { button, h, notice } from "./dom.js";
import { keepPictures, keepWords, picturesOf, wordsOf } from "./drafts.js";
import { follow, insist } from "./following.js";
import { keep } from "./keeping.js";
import { Log } from "./log.js";
import { userTurn } from "./message.js";

const PAGE = 50;

export class ConversationPage {
  /** `onmade(id)`: it begins to exist; `onchange()`: something began or ended in it; `onlost()`: it is not there. */
  constructor(id, { onmade, onchange, onlost }) {
    Object.assign(this, { id, onmade, onchange, onlost });
    this.leaving = new AbortController();
    this.running = null;
    this.seen = new Set(); // responses that were watched to their end
    this.givenUp = new AbortController(); // the wish that is being sent
    this.log = new Log((after) => this.page(after));
    this.composer = new Composer({
      onsend: (parts, painting) => this.say(parts, painting), onstop: () => this.stop(), conversation: () => this.id,
      onwords: (words) => keepWords(this.id, words), onpictures: (pictures) => keepPictures(this.id, pictures),
    });
    this.element = h("div", { class: "page" }, this.log.element, this.composer.element);
    this.composer.takeDrops(this.element);
    this.log.element.addEventListener("wish", (event) => this.wish(event.detail));
    this.log.element.addEventListener("use", ({ detail }) => this.composer.use(detail.name, detail.source));
    if (id === null) this.log.invite((text) => this.composer.put(text));
  }

  begin() {
    this.composer.put(wordsOf(this.id));
    this.attachAgain();
    if (this.id !== null) this.catchUp();
  }

  /** The pictures of its draft. */
  async attachAgain() {
    const pictures = await picturesOf(this.id);
    if (!this.leaving.signal.aborted) for (const { name, url } of pictures) this.composer.attachments.add(name, url);
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
      const { running_response_id: running, unkept_response_id: unkept } = await this.get(`conversations/${this.id}`);
      const response = running ?? unkept; // what failed or was stopped while nobody looked is shown once, and kept
      if (response && !this.composer.busy && !this.seen.has(response)) await this.takeUp(response);
    } catch (error) {
      if (this.leaving.signal.aborted) return;
      notice(error.status === 404 ? "This conversation is gone." : error.message);
      if (error.status === 404) this.onlost();
    } finally {
      this.catching = false;
    }
  }

  get(path) {
    return get(path, { signal: this.leaving.signal });
  }

  page(cursor) {
    return this.get(`conversations/${this.id}/items?limit=${PAGE}&${cursor}`);
  }

  /** A response that somebody began: this page before it was loaded again, or another one. */
  async takeUp(responseId) {
    const { data } = await this.get(`responses/${responseId}/input_items?limit=20`);
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
    this.givenUp = new AbortController();
    try {
      const draftOf = this.id;
      const id = await this.ask(parts, painting, mask);
      this.sent(draftOf);
      if (this.givenUp.signal.aborted) await this.cancel(id);
      await this.watch(id, answer, () => this.say(parts, painting, mask));
    } catch (error) {
      if (this.leaving.signal.aborted) return;
      this.composer.setBusy(false);
      const words = this.givenUp.signal.aborted ? "Stopped before it was sent." : error.message;
      const unsay = () => { said.remove(); answer.element.remove(); };
      answer.say(words, "error",
        button("Try again", () => { unsay(); this.say(parts, painting, mask); }),
        painting.call ? null : button("Change it", () => { unsay(); this.composer.restore(parts); }));
    }
  }

  /** The draft of that conversation is none any more; what was put together meanwhile is one of this conversation. */
  sent(draftOf) {
    const { field, attachments } = this.composer;
    for (const [id, words, pictures] of [[draftOf, "", []], [this.id, field.value, attachments.pictures]]) {
      keepWords(id, words);
      keepPictures(id, pictures);
    }
  }

  /** Begin a response, in a new conversation where there is none yet: one that nothing came of is not left behind. */
  async ask(parts, painting, mask) {
    const signals = [this.leaving.signal, this.givenUp.signal];
    const made = this.id ?? (await insist("conversations", { metadata: { title: titleOf(parts) } }, once(), ...signals)).id;
    try {
      const { id } = await insist("responses", request(made, parts, painting, mask), once(), ...signals);
      if (this.id === null) this.onmade((this.id = made));
      return id;
    } catch (error) {
      if (this.id === null && !this.leaving.signal.aborted) json("DELETE", `conversations/${made}`).catch(() => {});
      throw error;
    }
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
        if (!response) continue;
        this.seen.add(responseId);
        await this.ended(response, answer, again);
      }
    } finally {
      this.running = null;
      this.composer.setBusy(false);
    }
    this.onchange();
  }

  async ended(response, answer, again) {
    if (["completed", "incomplete"].includes(response.status)) {
      const last = response.output.at(-1) ?? (await this.get(`responses/${response.id}/input_items?limit=1`)).data[0];
      this.log.newest = last.id;
      return;
    }
    if (again) answer.note.append(button("Try again", again));
    if (!askedHere(response)) return; // what others began is theirs to keep
    try {
      this.log.newest = await keep(this.id, response, this.leaving.signal);
    } catch {
      if (!this.leaving.signal.aborted) answer.note.append(h("span", {}, "This turn is not kept in the conversation."));
    }
  }

  async stop() {
    if (this.running) await this.cancel(this.running);
    else this.givenUp.abort(new DOMException("stopped", "AbortError"));
  }

  async cancel(id) {
    try {
      await post(`responses/${id}/cancel`, undefined, { headers: once() });
    } catch (error) {
      notice(error.message);
    }
  }
}
