/** Follows a response from any of its events on, and takes it up again where the connection broke. */

import { ApiError, events, send } from "./api.js";
import { notice, pause } from "./dom.js";

const LAST = new Set(["response.completed", "response.incomplete", "response.failed"]);
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 4000;

/** All events of a response, to its last one. Throws ApiError where it cannot be followed (it was deleted). */
export async function* follow(responseId, signal) {
  let after = -1;
  let wait = FIRST_PAUSE;
  while (true) {
    try {
      const answer = await send("GET", `responses/${responseId}?stream=true&starting_after=${after}`, { signal });
      for await (const event of events(answer)) {
        notice("");
        wait = FIRST_PAUSE;
        after = event.sequence_number;
        yield event;
        if (LAST.has(event.type)) return;
      }
    } catch (error) {
      if (signal.aborted || (error instanceof ApiError && !error.passes)) throw error;
    }
    notice("The connection broke; nothing is lost. Connecting again…");
    await pause(wait, signal);
    wait = Math.min(2 * wait, LONGEST_PAUSE);
  }
}

/** A POST that is sent again until it is answered; `headers` make sure that it is done once. `leaving` ends it at once,
 * `givenUp` where it waits to be sent again: what is on its way may be done already. */
export async function insist(path, body, headers, leaving, givenUp) {
  for (let wait = FIRST_PAUSE; ; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    try {
      const answer = await send("POST", path, { body, headers, signal: leaving });
      notice("");
      return await answer.json();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0) throw error;
      notice(error.message);
      await pause(wait, AbortSignal.any([leaving, givenUp]));
    }
  }
}
