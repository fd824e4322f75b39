/** Asks the public API: with the key where one is set, errors as sentences, streams as events. */

import { unsay } from "./dom.js";
import { askForKey, key } from "./key.js";

const BASE = new URL("v1/", document.baseURI);
const AWAY = "Diptych does not answer. Is it running? Trying again…";

/** What the server, or its absence, says. `status` 0: no answer came. */
export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** Whether the same request may go well a little later. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** One request; asks for the key where it is missing. Throws ApiError, or the signal's reason. */
export async function send(method, path, { body, form, headers = {}, signal } = {}) {
  const all = { ...headers, ...(key() && { Authorization: `Bearer ${key()}` }) };
  if (body !== undefined) all["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, BASE), { method, headers: all, signal, body: form ?? (body && JSON.stringify(body)) });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "unreachable", AWAY);
  }
  unsay(AWAY);
  if (answer.status === 401) {
    await askForKey(all.Authorization);
    return send(method, path, { body, form, headers, signal });
  }
  if (!answer.ok) throw await failure(answer);
  return answer;
}

export async function json(method, path, options) {
  return (await send(method, path, options)).json();
}

export const get = (path, options) => json("GET", path, options);
export const post = (path, body, options) => json("POST", path, { body, ...options });

/** A name under which a request that is sent again is done once. */
export const once = () => ({ "Idempotency-Key": crypto.randomUUID?.() ?? String(Math.random()).slice(2) });

async function failure(answer) {
  try {
    const { error } = await answer.json();
    return new ApiError(answer.status, error.code, error.message);
  } catch {
    return new ApiError(answer.status, "unknown", `Diptych answered with status ${answer.status}.`);
  }
}

/** The JSON of each server-sent event of an answer. */
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const data = frame.split("\n").find((line) => line.startsWith("data: "))?.slice(6);
        if (data && data !== "[DONE]") yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Where a picture of ours is, by whichever of this server's names its link was made; null for all other places. */
export function ownPicture(link) {
  const url = URL.canParse(link, document.baseURI) && new URL(link, document.baseURI);
  const at = url && url.protocol.startsWith("http") ? url.pathname.indexOf("/v1/artifacts/") : -1;
  return at < 0 ? null : new URL(url.pathname.slice(at + 4) + url.search, BASE).href;
}
