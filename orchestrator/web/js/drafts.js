/** What was not sent yet, of each conversation: this tab still has it after a reload. Words are kept as they are typed;
 * pictures are too large for a tab's own storage and lie in the browser's database, for a day. Where the browser keeps
 * nothing, drafts are lost with the page. */

import { forTab } from "./storage.js";

const DAY = 24 * 3600 * 1000;
const WORDS = "diptych.draft.";
const TAB = "diptych.tab";
const STORE = "pictures";
let opened = null;

const tab = () => {
  if (!forTab.getItem(TAB)) forTab.setItem(TAB, String(Math.random()).slice(2));
  return forTab.getItem(TAB);
};
const place = (conversation) => `${tab()}/${conversation ?? ""}`;

export const wordsOf = (conversation) => forTab.getItem(WORDS + (conversation ?? "")) ?? "";

export function keepWords(conversation, words) {
  try {
    if (words) forTab.setItem(WORDS + (conversation ?? ""), words);
    else forTab.removeItem(WORDS + (conversation ?? ""));
  } catch { /* more than a browser keeps */ }
}

/** Resolves with `{ name, url }` of each picture; with none where they cannot be had. */
export async function picturesOf(conversation) {
  return (await asked("readonly", (store) => store.get(place(conversation))))?.pictures ?? [];
}

export function keepPictures(conversation, pictures) {
  const at = place(conversation);
  return asked("readwrite", (store) => (pictures.length ? store.put({ pictures, kept: Date.now() }, at) : store.delete(at)));
}

/** Of all conversations; of pictures also what other tabs have. */
export async function forgetDrafts() {
  for (const name of Object.keys(forTab)) if (name.startsWith(WORDS)) forTab.removeItem(name);
  await asked("readwrite", (store) => store.clear());
}

/** The result of one request to the database; undefined where there is none to be had. */
async function asked(mode, request) {
  try {
    opened ??= database();
    return await result(request((await opened).transaction(STORE, mode).objectStore(STORE)));
  } catch {
    return undefined;
  }
}

async function database() {
  const opening = indexedDB.open("diptych", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE).createIndex("kept", "kept");
  const found = await result(opening);
  const store = found.transaction(STORE, "readwrite").objectStore(STORE);
  for (const key of await result(store.index("kept").getAllKeys(IDBKeyRange.upperBound(Date.now() - DAY)))) store.delete(key);
  return found;
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
