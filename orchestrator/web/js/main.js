/** Starts the window: which page is shown, and what stands in the bar. */

import { get } from "./api.js";
import { ConversationPage } from "./conversation.js";
import { notice } from "./dom.js";

const main = document.querySelector("#main");
let page = null;

const wanted = () => new URLSearchParams(location.search).get("conversation");

function show(next) {
  page?.close();
  page = next;
  main.replaceChildren(page.element);
  page.composer.field.focus();
  page.opening?.catch((error) => { if (error.name !== "AbortError") notice(error.message); });
}

function open(id) {
  show(new ConversationPage(id, (made) => {
    if (wanted() !== made) history.pushState(null, "", `?conversation=${made}`);
  }));
}

addEventListener("popstate", () => open(wanted()));
try {
  await get("models"); // asks for the key, where one is needed
} catch (error) {
  notice(error.message);
}
open(wanted());
