/** Builds elements and says things aloud. Knows nothing of the service. */

/** An element with properties, listeners (`onclick`), attributes (all else) and children; what is null is left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function button(label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, label);
}

/** Tells people who listen instead of look. */
export function announce(sentence) {
  document.querySelector("#announcement").textContent = sentence;
}

/** To the clipboard; also where the page did not come by HTTPS and browsers have no better way. */
export async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = h("textarea", { class: "unseen", readonly: true });
  field.value = text;
  const before = document.activeElement;
  (before.closest("dialog") ?? document.body).append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  before.focus();
}

const STAYS = 10_000;
let fading;

/** What is wrong with the connection or the house, in the bar; empty when all is well. It is said again as long as it
 * is so, and otherwise gone after a while. */
export function notice(sentence) {
  const place = document.querySelector("#notice");
  if (place.textContent !== sentence) place.textContent = sentence;
  clearTimeout(fading);
  if (sentence) fading = setTimeout(() => notice(""), STAYS);
}

/** That is so no more. */
export function unsay(sentence) {
  if (document.querySelector("#notice").textContent === sentence) notice("");
}

/** At most one run per frame that is drawn, of the newest function. */
export function perFrame() {
  let latest = null;
  return (draw) => {
    if (latest === null) requestAnimationFrame(() => { const run = latest; latest = null; run(); });
    latest = draw;
  };
}

/** Waits; ends early when the network comes back, or the signal aborts (then it throws). */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason;
    const timer = setTimeout(done, milliseconds);
    const end = () => { clearTimeout(timer); removeEventListener("online", done); signal?.removeEventListener("abort", stop); };
    function done() { end(); resolve(); }
    function stop() { end(); reject(signal.reason); }
    addEventListener("online", done);
    signal?.addEventListener("abort", stop);
  });
}
