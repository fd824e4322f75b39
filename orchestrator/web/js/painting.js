/** The card of a call to the painter: what was asked, how it waits and forms, what came of it. */

import { deeds } from "./deeds.js";
import { announce, button, h, perFrame } from "./dom.js";
import { Filmstrip, frameOf, framesOf } from "./filmstrip.js";
import { HowPainted } from "./how.js";
import { provenance } from "./provenance.js";
import { Silence } from "./silence.js";

const TITLES = { generate: "Painting", edit: "Changing a picture" };

export class PaintingView {
  constructor(item) {
    this.item = item;
    this.state = h("span", { class: "state", role: "status" });
    this.call = h("div", { class: "call" });
    this.bar = h("progress", { max: 1, "aria-label": "Steps of the painter", hidden: true });
    this.image = h("img", { alt: "", hidden: true });
    this.blank = h("div", { class: "blank" });
    this.facts = h("dl", { class: "facts" });
    this.title = h("h2", {});
    this.element = h("div", { class: "card painting", role: "group", "aria-label": "A picture" },
      h("header", {}, this.title, this.state), this.call,
      h("figure", { class: "picture" }, this.blank, this.image, this.bar), this.facts);
    this.frames = [];
    this.draw = perFrame();
    this.film = new Filmstrip(({ source, words, step }) => { this.place(source, words); this.how.step(step, this.total); });
    this.below = h("div", {});
    this.how = new HowPainted();
    this.silence = new Silence(() => this.say(`${this.state.textContent}. Then silence: if its worker has died, another one begins again soon`));
    this.element.append(this.film.element, this.below, this.how.element);
    this.show();
    if (item.status !== "in_progress") this.finish(item);
  }

  /** The arguments as the VLM wrote them. */
  show() {
    const written = this.item.diptych?.arguments ?? { prompt: this.item.revised_prompt };
    const edits = this.item.action === "edit" || "image" in written;
    this.title.textContent = TITLES[edits ? "edit" : "generate"];
    const shown = Object.entries(written).filter(([, value]) => value !== null && value !== undefined && value !== "");
    this.how.call(edits ? "edit_image" : "generate_image", shown);
    this.call.replaceChildren(h("code", {}, shown.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n")));
  }

  /** What a worker says of the job. */
  job(event) {
    const kind = event.type.replace("diptych:job_", "");
    if (kind !== "queued") this.silence.heard();
    if (kind === "failed") this.say(event.error.message);
    this.jobId ??= event.job_id;
    if (event.job_id !== this.jobId) { // words are set over what the first job painted
      if (kind === "started") this.say("The words are set and read back");
      return;
    }
    if (kind === "queued") this.say(waiting(event));
    if (kind === "started") this.begin(event.attempt);
    if (kind === "prepared") this.how.prepare(event.noise);
    if (kind === "progress") this.step(event.step, event.total);
    if (kind === "preview") this.preview(event);
  }

  begin(attempt) {
    this.frames.length = 0;
    this.say(attempt > 1 ? `Begun again (attempt ${attempt}): a worker died` : "The painter begins");
  }

  step(step, total) {
    this.bar.hidden = false;
    this.total = total;
    this.bar.max = total;
    this.bar.value = step;
    this.how.step(step, total);
    this.say(`Step ${step} of ${total}`);
  }

  preview(event) {
    this.frames.push(frameOf(event));
    this.draw(() => { if (this.item.status === "in_progress") this.place(this.frames.at(-1).source, this.frames.at(-1).words); });
  }

  place(source, words) {
    this.image.src = source;
    this.image.alt = words;
    this.image.hidden = false;
    this.blank.hidden = true;
  }

  /** Nothing more will be heard. */
  over() {
    this.silence.over();
  }

  finish(item) {
    this.over();
    this.item = item;
    this.show();
    this.bar.hidden = true;
    if (item.status === "failed") {
      this.say(item.error.message);
      this.state.classList.add("error");
      return;
    }
    this.schedule(item.diptych?.noise ?? []);
    const last = { source: `data:image/${item.output_format};base64,${item.result}`, words: item.revised_prompt, step: this.total };
    this.place(last.source, last.words);
    this.say("Done");
    this.below.replaceChildren(deeds(item));
    this.roll(last);
    if (item.output_format === "png") this.element.append(provenance(item.result));
    this.facts.replaceChildren(...facts(item).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }

  /** Of a finished picture: its whole way. */
  schedule(noise) {
    if (noise.length < 2) return; // its text was set, not painted; or it is of before this was told
    this.total = noise.length - 1;
    this.how.prepare(noise);
    this.how.step(this.total, this.total);
  }

  /** The filmstrip: of a picture that was just painted at once, of an older one when it is asked for. */
  roll(last) {
    if (this.frames.length) {
      announce(`The picture is done: ${last.words}`);
      this.film.set([...this.frames, last]);
      return;
    }
    const response = this.item.diptych?.response_id;
    if (!response) return;
    const ask = button("How it formed", async () => {
      try {
        const frames = await framesOf(response, this.item.id);
        ask.remove();
        this.film.set([...frames, last]);
        this.film.slider.focus();
      } catch {
        ask.replaceWith(h("span", { class: "muted" }, "Its response was deleted: how it formed is not known any more."));
      }
    });
    this.below.firstChild.append(ask);
  }

  say(words) {
    this.state.textContent = words;
  }
}

function waiting({ place, eta_s: eta }) {
  if (place === null) return "About to begin";
  const when = eta === null ? "" : `, done in about ${eta < 10 ? eta.toFixed(1) : Math.round(eta)} s`;
  return `Number ${place} in the queue${when}`;
}

function readBack({ exact, read_back: read }) {
  if (exact === null) return "not checked: OCR does not know this script";
  return exact ? "exactly" : read || "nothing";
}

function facts(item) {
  const values = item.diptych ?? {};
  const known = [
    ["seed", values.seed],
    ["steps", values.fast ? `${values.steps} (fast)` : values.steps],
    ["guidance", values.guidance_scale],
    ["strength", values.strength],
    ["size", item.size?.replace("x", " × ")],
    ["model", values.model],
    ["time", values.seconds === undefined ? undefined : `${values.seconds.toFixed(1)} s`],
    ["never learned", values.unknown_words?.join(", ") || undefined],
    ["words set", values.lettering?.text.replaceAll("\n", " / ")],
    ["read back", values.lettering && readBack(values.lettering)],
  ];
  return known.filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => [name, String(value)]);
}
