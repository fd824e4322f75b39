/** What has ended lately: how long jobs waited and ran, as a small chart per kind, and each of them in a table. */

import { get } from "./api.js";
import { button, h } from "./dom.js";
import { svg } from "./page.js";
import { kindOf, row, seconds, table } from "./tables.js";

const CHARTED = 60;
const ROWS = 10;
const [WIDTH, HEIGHT] = [360, 80];
const STATES = { done: "Done", failed: "Failed", cancelled: "Stopped" };

export class History {
  constructor() {
    this.charts = h("div", { class: "charts" });
    this.rows = h("tbody", {});
    this.shown = ROWS;
    this.none = h("p", { class: "muted" }, "None of your jobs has ended yet.");
    this.more = button("Show more", () => { this.shown += ROWS; this.list(); }, { class: "quiet" });
    this.table = table("history-title", ["Job", "Ended", "State", "Waited", "Ran"], this.rows);
    this.element = h("div", {},
      h("h3", { id: "history-title" }, "Lately"), this.none, this.charts, this.table, this.more);
    this.jobs = [];
  }

  /** Throws ApiError. */
  async refresh() {
    const { data } = await get(`jobs?status=ended&limit=${CHARTED}`);
    if (this.jobs.length === data.length && this.jobs[0]?.id === data[0]?.id && this.rows.children.length) return;
    this.jobs = data;
    this.none.hidden = data.length > 0;
    this.table.hidden = data.length === 0;
    const kinds = [...new Set(data.map((job) => job.kind))].sort();
    this.charts.replaceChildren(...kinds.map((kind) => chart(kind, data.filter((job) => job.kind === kind).reverse())));
    this.list();
  }

  list() {
    this.rows.replaceChildren(...this.jobs.slice(0, this.shown).map((job) => row([
      kindOf(job.kind), new Date(1000 * job.finished_at).toLocaleTimeString(), state(job), seconds(job.wait_s), seconds(job.run_s)])));
    this.more.hidden = this.jobs.length <= this.shown;
  }
}

function state({ status, attempt, error }) {
  const again = attempt > 1 ? `, attempt ${attempt}` : "";
  return `${STATES[status]}${again}${status === "failed" ? `: ${error.message}` : ""}`;
}

/** Bars from the oldest to the newest: below how long each waited, above how long it ran. */
function chart(kind, jobs) {
  const longest = Math.max(...jobs.map((job) => job.wait_s + (job.run_s ?? 0)), 0.001);
  const slot = WIDTH / Math.max(jobs.length, 20);
  const tall = (span) => (HEIGHT * span) / longest;
  const bars = jobs.flatMap((job, at) => {
    const place = { x: at * slot, width: 0.8 * slot };
    const waited = tall(job.wait_s);
    const ran = tall(job.run_s ?? 0);
    return [
      svg("rect", { ...place, y: HEIGHT - waited, height: waited, class: "waited" }),
      svg("rect", { ...place, y: HEIGHT - waited - ran, height: ran, class: job.status === "done" ? "ran" : "ran broken" }),
    ];
  });
  const words = `${jobs.length} ${jobs.length === 1 ? "job" : "jobs"}: waited ${seconds(middle(jobs.map((job) => job.wait_s)))}, ran ${seconds(middle(jobs.map((job) => job.run_s).filter((span) => span !== null)))} (medians), ${seconds(longest)} at most in all`;
  return h("figure", { class: "chart" },
    h("figcaption", {}, h("strong", {}, kindOf(kind)), " ", words),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": `${kindOf(kind)}, the newest at the right. ${words}.` }, ...bars),
    h("p", { class: "key muted", "aria-hidden": "true" },
      [["waited", "waited"], ["ran", "ran"], ["broken", "ran, then failed or stopped"]].map(([name, meaning]) => h("span", { class: name }, meaning))));
}

/** The median; null of nothing. */
function middle(values) {
  return values.length ? values.sort((one, other) => one - other)[Math.floor(values.length / 2)] : null;
}
