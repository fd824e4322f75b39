"""What a program does that uses an old openai-python: `python client.py URL TASK`, with that version on PYTHONPATH.

Fails by an assertion. Imports nothing of ours: it stands for somebody else's code.
"""

import base64
import sys
from typing import Any

from openai import OpenAI

DRAW = "draw an orange cat in a cardboard box"
PAINT = {"type": "image_generation"}
QUICK = {"diptych": {"seed": 11, "steps": 12, "fresh": True}}
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the current weather for a location",
    "parameters": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city."}},
        "required": ["location"],
    },
}


def picture_of(response: Any) -> bytes:
    (call,) = [item for item in response.output if item.type == "image_generation_call"]
    assert call.status == "completed"
    return base64.b64decode(call.result)


def is_png(data: bytes) -> bool:
    return data.startswith(b"\x89PNG")


def paint_and_edit(client: OpenAI) -> None:
    tools: Any = [PAINT | {"partial_images": 2}]
    events = list(client.responses.create(model="diptych", input=DRAW, tools=tools, stream=True, extra_body=QUICK))
    partial = [event for event in events if event.type == "response.image_generation_call.partial_image"]
    assert [event.partial_image_index for event in partial] == [0, 1]
    first = events[-1].response
    assert is_png(picture_of(first))
    edit: Any = {"tools": [PAINT | {"action": "edit"}], "tool_choice": PAINT}
    second = client.responses.create(
        model="diptych", input="make it night", previous_response_id=first.id, extra_body=QUICK, **edit
    )
    assert is_png(picture_of(second))
    assert picture_of(second) != picture_of(first)


def call_a_function(client: OpenAI) -> None:
    tools: Any = [WEATHER]
    choice: Any = {"type": "function", "name": "get_weather"}
    first = client.responses.create(
        model="diptych", input="what is the weather in Oslo?", tools=tools, tool_choice=choice
    )
    (call,) = first.output
    assert call.type == "function_call"
    output: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "rain, 9 degrees"}]
    last = client.responses.create(model="diptych", input=output, previous_response_id=first.id, tools=tools)
    assert last.output_text.strip()


def resume(client: OpenAI) -> None:
    tools: Any = [PAINT | {"partial_images": 1}]
    seen = []
    with client.responses.create(model="diptych", input=DRAW, tools=tools, stream=True, extra_body=QUICK) as stream:
        for event in stream:
            seen.append(event)
            if event.type == "response.image_generation_call.generating":
                break
    response_id = seen[0].response.id
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=seen[-1].sequence_number))
    assert rest[-1].type == "response.completed"
    again = list(client.responses.retrieve(response_id, stream=True, starting_after=-1))
    assert [event.to_dict() for event in [*seen, *rest]] == [event.to_dict() for event in again]


def cancel(client: OpenAI) -> None:
    tools: Any = [PAINT]
    response = client.responses.create(
        model="diptych", input=DRAW, tools=tools, background=True, extra_body={"diptych": {"steps": 150}}
    )
    assert client.responses.cancel(response.id).status == "cancelled"
    assert client.responses.retrieve(response.id).status == "cancelled"


def images(client: OpenAI) -> None:
    painted = client.images.generate(model="diptych", prompt="a red apple", quality="low")  # type: ignore[arg-type]
    source = base64.b64decode(painted.data[0].b64_json or "")
    assert is_png(source)
    edited = client.images.edit(model="diptych", image=("apple.png", source, "image/png"), prompt="a dog")
    assert is_png(base64.b64decode(edited.data[0].b64_json or ""))
    assert painted.data[0].b64_json != edited.data[0].b64_json


def files(client: OpenAI) -> None:
    painted = client.images.generate(model="diptych", prompt="a red apple", quality="low")  # type: ignore[arg-type]
    picture = base64.b64decode(painted.data[0].b64_json or "")
    kept = client.files.create(file=("apple.png", picture, "image/png"), purpose="vision")
    assert client.files.content(kept.id).content == picture
    content = [{"type": "input_image", "file_id": kept.id}, {"type": "input_text", "text": "what is in it?"}]
    asked: Any = [{"role": "user", "content": content}]
    assert client.responses.create(model="diptych", input=asked).output_text.strip()
    assert client.files.delete(kept.id).deleted


TASKS = {task.__name__: task for task in (paint_and_edit, call_a_function, resume, cancel, images, files)}

if __name__ == "__main__":
    TASKS[sys.argv[2]](OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0, timeout=110))
