/** Tables of jobs and what stands in them. */

import { h } from "./dom.js";

const KINDS = { generate_image: "Painting", edit_image: "Changing a picture", read_text: "Reading", find_text: "Looking for text", compose_text: "Setting text" };

export const kindOf = (kind) => KINDS[kind] ?? kind;

/** With the name that the element of that id gives it. */
export function table(title, names, body) {
  return h("div", { class: "wide", tabindex: 0, role: "region", "aria-labelledby": title }, h("table", { "aria-labelledby": title },
    h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))), body));
}

export function row(values) {
  return h("tr", {}, values.map((value) => h("td", {}, value instanceof Node ? value : String(value ?? "–"))));
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.1) return `${Math.round(1000 * value)} ms`;
  return value < 10 ? `${value.toFixed(1)} s` : value < 120 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
}
