/** The queue page: who works, what waits and runs, how long it took lately; a job can be stopped from here. */

import { get, post } from "./api.js";
import { button, h, notice } from "./dom.js";
import { History } from "./history.js";
import { kindOf, row, seconds, table } from "./tables.js";

const EVERY = 1000;
const HISTORY_EVERY = 10_000;

export class QueuePage {
  constructor() {
    this.workers = h("tbody", {});
    this.queues = h("tbody", {});
    this.jobs = h("tbody", {});
    this.none = h("p", { class: "muted" }, "None of your jobs waits or runs.");
    this.rows = new Map();
    this.history = new History();
    this.looked = 0; // when the history was asked for last
    this.element = h("div", { class: "queue-page", tabindex: 0, role: "region", "aria-label": "Queue" },
      h("h2", {}, "Queue"),
      h("h3", { id: "jobs-title" }, "Your jobs"), this.none, table("jobs-title", ["Job", "State", "Waited or ran", "Done in about", "Stop"], this.jobs),
      this.history.element,
      h("h3", { id: "queues-title" }, "Queues"), table("queues-title", ["Queue", "Waiting", "Running", "Longest wait", "A job takes", "A new one is done in"], this.queues),
      h("h3", { id: "workers-title" }, "Workers"), table("workers-title", ["Serves", "Model", "Device", "Process", "Runs", "Since"], this.workers));
  }

  begin() {
    document.title = "Queue – Diptych";
    this.timer = setInterval(() => this.catchUp(), EVERY);
    return this.catchUp();
  }

  close() {
    clearInterval(this.timer);
    document.title = "Diptych";
  }

  async catchUp() {
    if (document.hidden || this.asking) return;
    this.asking = true;
    try {
      const [queue, workers] = await Promise.all([get("queue"), get("workers")]);
      const ended = this.showJobs(queue.jobs);
      if (ended || Date.now() - this.looked > HISTORY_EVERY) await this.lookBack();
      this.queues.replaceChildren(...queue.data.map((one) =>
        row([one.queue, one.waiting, `${one.running} of ${one.slots}`, seconds(one.oldest_s), seconds(one.run_s), one.workers ? seconds(one.eta_s) : "nobody works"])));
      this.workers.replaceChildren(...workers.data.map((one) =>
        row([one.worker, one.model, one.device, `${one.host}, ${one.pid}`, `${one.running} of ${one.slots}`, new Date(1000 * one.since).toLocaleString()])));
      notice(queue.data.some((one) => !one.workers) ? "A kind of worker is missing: what waits for it waits until one is there." : "");
    } catch (error) {
      notice(error.message);
    } finally {
      this.asking = false;
    }
  }

  async lookBack() {
    this.looked = Date.now();
    await this.history.refresh();
  }

  /** Whether any has ended since. Rows stay what they are while their job is open, so that a button keeps the focus. */
  showJobs(jobs) {
    this.none.hidden = jobs.length > 0;
    this.jobs.closest("table").hidden = jobs.length === 0;
    const open = new Set(jobs.map((job) => job.id));
    const ended = [...this.rows.keys()].filter((id) => !open.has(id));
    for (const id of ended) { this.rows.get(id).remove(); this.rows.delete(id); }
    for (const job of jobs) {
      if (!this.rows.has(job.id)) {
        const made = row([kindOf(job.kind), "", "", "", button("Stop", () => this.stop(job.id), { "aria-label": `Stop ${kindOf(job.kind)} ${job.id}` })]);
        this.rows.set(job.id, made);
        this.jobs.append(made);
      }
      const [, state, since, eta] = this.rows.get(job.id).children;
      state.textContent = job.status === "running" ? progress(job) : `Number ${job.place}`;
      since.textContent = seconds(Date.now() / 1000 - job.created_at);
      eta.textContent = seconds(job.eta_s);
    }
    return ended.length > 0;
  }

  async stop(id) {
    try {
      await post(`jobs/${id}/cancel`);
    } catch (error) {
      notice(error.message);
    }
    this.catchUp();
  }
}

function progress(job) {
  const again = job.attempt > 1 ? `, attempt ${job.attempt}` : "";
  return (job.total ? `Step ${job.step} of ${job.total}` : "Running") + again;
}
