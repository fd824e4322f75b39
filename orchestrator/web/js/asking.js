/** What is sent for a wish, and under which title its conversation begins. */

const LONGEST_TITLE = 60;
const METADATA = { client: "window" };

/** The model's tools by name, so that their calls are shown; a mask goes with the painter's. */
function toolsWith(mask) {
  const painter = { type: "image_generation", ...(mask && { input_image_mask: { image_url: mask } }) };
  return [painter, { type: "diptych:read_text" }, { type: "diptych:look_closer" }];
}

/** The body of a request for a response. */
export function request(conversation, parts, painting, mask) {
  return {
    model: "diptych", conversation, background: true, truncation: "auto", tools: toolsWith(mask), diptych: painting,
    input: [{ type: "message", role: "user", content: parts }], metadata: METADATA,
  };
}

/** Whether a response was asked for by a window, this one or another. */
export const askedHere = ({ metadata }) => metadata?.client === METADATA.client;

/** The first words of a message, as many as a title has. */
export function titleOf(parts) {
  const words = (parts.find((part) => part.type === "input_text")?.text ?? "A picture").split(/\s+/);
  let title = words.shift().slice(0, LONGEST_TITLE);
  while (words.length && title.length + 1 + words[0].length <= LONGEST_TITLE) title += ` ${words.shift()}`;
  return title;
}
