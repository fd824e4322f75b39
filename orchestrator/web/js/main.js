/** Starts the window: which page is shown, what stands at its side, and who is told of changes. */

import { get } from "./api.js";
import { ConversationPage } from "./conversation.js";
import { button, h, notice } from "./dom.js";
import { forgetDrafts } from "./drafts.js";
import { go, ongo, wanted, wantedConversation } from "./going.js";
import { forgetKey, key } from "./key.js";
import { menu } from "./menu.js";
import { onchange, tell } from "./others.js";
import { QueuePage } from "./queue.js";
import { Sidebar } from "./sidebar.js";
import { themeButton } from "./theme.js";

const main = document.querySelector("#main");
const sidebar = new Sidebar(document.querySelector("#sidebar"));
let page = null;

function show(next) {
  page?.close();
  page = next;
  main.replaceChildren(page.element);
  page.begin();
  sidebar.refresh();
}

function open() {
  if (wanted().get("page") === "queue") {
    show(new QueuePage());
    return;
  }
  const id = wantedConversation();
  if (page instanceof ConversationPage && id !== null && page.id === id) return; // it has just begun to exist
  show(new ConversationPage(id, { onmade: (made) => go(`?conversation=${made}`), onchange: changed, onlost: () => go("./") }));
}

/** Something was said here. */
function changed() {
  tell();
  sidebar.refresh();
}

sidebar.foot.append(h("a", { class: "button quiet", href: "?page=queue", "data-go": true }, "Queue"), themeButton());
menu(document.querySelector("#menu"), sidebar.element);
ongo(open);
onchange(() => { sidebar.refresh(); page?.catchUp(); });
try {
  await get("models"); // asks for the key, where one is needed
} catch (error) {
  notice(error.message);
}
if (key()) sidebar.foot.append(button("Forget the key", async () => { forgetKey(); await forgetDrafts(); location.replace("./"); }, { class: "quiet" }));
open();
