/** Which page is shown stands in the address: `?conversation=…` or `?page=…`; nothing of it reaches the server. */

const listeners = [];

export const wanted = () => new URLSearchParams(location.search);

/** The conversation that the address names; null where it names none, or what cannot be one. */
export const wantedConversation = () => wanted().get("conversation")?.match(/^[\w-]+$/)?.[0] ?? null;

/** Call back now on every change of the address. */
export function ongo(listener) {
  listeners.push(listener);
}

export function go(address) {
  history.pushState(null, "", address);
  for (const listener of listeners) listener();
}

addEventListener("popstate", () => { for (const listener of listeners) listener(); });

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-go]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});
