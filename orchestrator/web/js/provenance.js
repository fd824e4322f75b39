/** What a picture's file says of how it was made: read from its own bytes, not from what the page knows of it. */

import { h } from "./dom.js";

const RECORD = "diptych";
const XMP = "XML:com.adobe.xmp";
const SOURCES = {
  trainedAlgorithmicMedia: "made by a trained model",
  compositeWithTrainedAlgorithmicMedia: "changed by a trained model",
};
const NAMES = {
  prompt: "Prompt", negative_prompt: "Not in it", seed: "Seed", steps: "Steps", guidance_scale: "Guidance", scheduler: "Sampler", model: "Model",
  software: "Written by",
};

/** Text chunks of a PNG by their keyword (PNG specification, 11.3.3.4), and the types of all chunks that it has. */
export function chunksOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const texts = new Map();
  const types = [];
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    types.push(type);
    if (type === "iTXt") add(texts, bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return { texts, types };
}

/** A keyword, two flags, a language and the keyword in it, each ended by a zero; then the text. */
function add(texts, chunk) {
  const words = chunk.indexOf(0);
  const [compressed] = chunk.subarray(words + 1);
  const language = chunk.indexOf(0, words + 3);
  const text = chunk.subarray(chunk.indexOf(0, language + 1) + 1);
  const read = new TextDecoder();
  if (!compressed) texts.set(read.decode(chunk.subarray(0, words)), read.decode(text));
}

/** Names and values for people. */
function factsOf({ texts, types }) {
  const source = texts.get(XMP)?.match(/DigitalSourceType="[^"]*\/([^"/]+)"/)?.[1];
  const record = JSON.parse(texts.get(RECORD) ?? "{}");
  const { edit, loras = {}, width, height, native_width: across, native_height: down } = record;
  const weights = Object.entries(loras).map(([name, weight]) => `${name} (${weight})`).join(", ");
  return [
    ["Origin", source && `${SOURCES[source] ?? source} (IPTC: ${source})`],
    ...Object.entries(NAMES).map(([name, label]) => [label, record[name]]),
    ["Prompt tokens left out", record.tokens_dropped || undefined],
    ["LoRAs", weights],
    ["Size", width && `${width} × ${height}${across === width && down === height ? "" : `, painted at ${across} × ${down}`}`],
    ["Changed from", edit && `${edit.source}, with strength ${edit.strength}${edit.mask ? ", inside a mask" : ""}`],
    ["Signed", types.includes("caBX") ? "with a C2PA manifest, which this page does not check" : "no: there is no C2PA manifest in it, so whoever changes the file can change this too"],
  ].filter(([, value]) => value !== undefined && value !== null && value !== "");
}

/** A panel that reads a PNG, given in base64, when it is opened. */
export function provenance(base64) {
  const body = h("div", {});
  const panel = h("details", { class: "how provenance", ontoggle: () => { if (panel.open && !body.childElementCount) fill(body, base64); } },
    h("summary", {}, "What the file says"), body);
  return panel;
}

function fill(body, base64) {
  const chunks = chunksOf(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  if (!chunks.texts.size) {
    body.replaceChildren(h("p", { class: "muted" }, "Nothing: it holds pixels alone."));
    return;
  }
  const raw = [...chunks.texts].map(([name, text]) => [h("h3", {}, name), h("pre", { tabindex: 0, role: "region", "aria-label": `Raw field ${name}` }, pretty(text))]);
  body.replaceChildren(
    h("dl", {}, factsOf(chunks).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
    h("details", {}, h("summary", {}, "Raw fields"), ...raw.flat()));
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
