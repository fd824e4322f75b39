/** A turn that was stopped or that failed: a conversation takes in only answers that came to their end, so the window
 * adds what was asked and what had come of it by then. Every tab that saw the end does so, and it is done once. */

import { get, post } from "./api.js";
import { pause } from "./dom.js";

const WORDS = { cancelled: () => "*Stopped.*", failed: ({ error }) => `*Not answered: ${error?.message ?? "that went wrong."}*` };
const TRIES = 5;

/** Whether an item says or shows something. */
const tells = ({ type, status, content }) => (type === "message" ? content.some((part) => part.text) : status === "completed");
const named = ({ id }) => ({ type: "item_reference", id });

/** Resolves with the id of the conversation's newest item. Throws ApiError where nothing could be added. */
export async function keep(conversation, response, signal) {
  const { data: asked } = await get(`responses/${response.id}/input_items?limit=1`, { signal });
  const came = response.output.filter(tells);
  const note = { type: "message", role: "assistant", content: WORDS[response.status](response) };
  const items = [...asked.map(named), ...came.map(named), ...(came.some(({ type }) => type === "message") ? [] : [note])];
  for (let left = TRIES; ; left -= 1) {
    try {
      const headers = { "Idempotency-Key": `kept-${response.id}` };
      return (await post(`conversations/${conversation}/items`, { items }, { headers, signal })).last_id;
    } catch (error) {
      if (error.status !== 409 || left === 0) throw error; // another tab is at it
      await pause(300, signal);
    }
  }
}
