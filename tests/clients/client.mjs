// What a program does that uses OpenAI's JavaScript client: `node client.mjs URL TASK`, with `openai` in node_modules.
// Fails by an assertion.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const { default: OpenAI, toFile } = createRequire(`${process.env.CLIENTS}/`)("openai");

const DRAW = "draw an orange cat in a cardboard box";
const PAINT = { type: "image_generation" };
const QUICK = { diptych: { seed: 11, steps: 12, fresh: true } };
const WEATHER = {
  type: "function",
  name: "get_weather",
  description: "Get the current weather for a location",
  strict: false,
  parameters: {
    type: "object",
    properties: { location: { type: "string", description: "The city." } },
    required: ["location"],
  },
};

const pictureOf = (response) => {
  const calls = response.output.filter((item) => item.type === "image_generation_call");
  assert.equal(calls.length, 1);
  assert.equal(calls[0].status, "completed");
  return Buffer.from(calls[0].result, "base64");
};
const isPng = (data) => data.subarray(1, 4).toString() === "PNG";
const collect = async (stream) => {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
};

const tasks = {
  async paint_and_edit(client) {
    const tools = [{ ...PAINT, partial_images: 2 }];
    const stream = await client.responses.create({ model: "diptych", input: DRAW, tools, stream: true, ...QUICK });
    const events = await collect(stream);
    const partial = events.filter((event) => event.type === "response.image_generation_call.partial_image");
    assert.deepEqual(partial.map((event) => event.partial_image_index), [0, 1]);
    const first = events.at(-1).response;
    assert(isPng(pictureOf(first)));
    const second = await client.responses.create({
      model: "diptych",
      input: "make it night",
      previous_response_id: first.id,
      tools: [{ ...PAINT, action: "edit" }],
      tool_choice: PAINT,
      ...QUICK,
    });
    assert(isPng(pictureOf(second)));
    assert(!pictureOf(second).equals(pictureOf(first)));
  },

  async call_a_function(client) {
    const first = await client.responses.create({
      model: "diptych",
      input: "what is the weather in Oslo?",
      tools: [WEATHER],
      tool_choice: { type: "function", name: "get_weather" },
    });
    const [call] = first.output;
    assert.equal(call.type, "function_call");
    const last = await client.responses.create({
      model: "diptych",
      input: [{ type: "function_call_output", call_id: call.call_id, output: "rain, 9 degrees" }],
      previous_response_id: first.id,
      tools: [WEATHER],
    });
    assert(last.output_text.trim());
  },

  async resume(client) {
    const tools = [{ ...PAINT, partial_images: 1 }];
    const seen = [];
    const stream = await client.responses.create({ model: "diptych", input: DRAW, tools, stream: true, ...QUICK });
    for await (const event of stream) {
      seen.push(event);
      if (event.type === "response.image_generation_call.generating") break;
    }
    const { id } = seen[0].response;
    const follow = async (after) => collect(await client.responses.retrieve(id, { stream: true, starting_after: after }));
    const rest = await follow(seen.at(-1).sequence_number);
    assert.equal(rest.at(-1).type, "response.completed");
    assert.deepEqual([...seen, ...rest], await follow(-1));
  },

  async cancel(client) {
    const body = { model: "diptych", input: DRAW, tools: [PAINT], background: true, diptych: { steps: 150 } };
    const { id } = await client.responses.create(body);
    assert.equal((await client.responses.cancel(id)).status, "cancelled");
    assert.equal((await client.responses.retrieve(id)).status, "cancelled");
  },

  async images(client) {
    const painted = await client.images.generate({ model: "diptych", prompt: "a red apple", quality: "low" });
    const source = Buffer.from(painted.data[0].b64_json, "base64");
    assert(isPng(source));
    const image = await toFile(source, "apple.png", { type: "image/png" });
    const edited = await client.images.edit({ model: "diptych", image, prompt: "a dog", stream: true, partial_images: 2 });
    const events = await collect(edited);
    const types = [...Array(2).fill("image_edit.partial_image"), "image_edit.completed"];
    assert.deepEqual(events.map((event) => event.type), types);
    assert(isPng(Buffer.from(events.at(-1).b64_json, "base64")));
  },

  async files(client) {
    const painted = await client.images.generate({ model: "diptych", prompt: "a red apple", quality: "low" });
    const picture = Buffer.from(painted.data[0].b64_json, "base64");
    const file = await toFile(picture, "apple.png", { type: "image/png" });
    const kept = await client.files.create({ file, purpose: "vision" });
    const content = Buffer.from(await (await client.files.content(kept.id)).arrayBuffer());
    assert(content.equals(picture));
    const asked = [{ type: "input_image", file_id: kept.id }, { type: "input_text", text: "what is in it?" }];
    const answer = await client.responses.create({ model: "diptych", input: [{ role: "user", content: asked }] });
    assert(answer.output_text.trim());
    assert((await client.files.delete(kept.id)).deleted);
  },
};

const [baseURL, task] = process.argv.slice(2);
await tasks[task](new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, timeout: 110_000 }));
