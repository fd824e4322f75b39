/** What else may change a conversation: another tab, another device. Tabs tell each other; of devices the server is
 * asked every few seconds while somebody looks. */

const EVERY = 5000;
const channel = new BroadcastChannel("diptych");

/** Tell the other tabs that something changed on the server. */
export function tell() {
  channel.postMessage("changed");
}

/** Call now and then, and when another tab tells. */
export function onchange(listener) {
  channel.addEventListener("message", listener);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) listener(); });
  setInterval(() => { if (!document.hidden) listener(); }, EVERY);
}
