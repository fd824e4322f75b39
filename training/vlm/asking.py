"""Puts conversations to an exported VLM through the server's own engine: grammar, copy constraint and all.

Knows requests. Does not know what is right.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from services.vlm.engine import Answer, Engine
from services.vlm.loading import load
from services.vlm.request import ChatRequest
from services.vlm.settings import VlmSettings
from training.phrasings.tool_schemas import generate_image_schema, read_text_schema
from training.run import RUNS
from training.vlm.chat import Conversation, Picture
from training.vlm.pictures import PictureSource

SEED = 990_017
"""Training uses other seeds."""


class Asker:
    """One loaded model."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        settings = VlmSettings(vlm_model=folder, vlm_threads=threads)
        self.engine = Engine(load(settings), settings)
        self.pictures = PictureSource(seed=SEED, pool=60)
        self.rng = Random(SEED)

    def ask(self, message: str, picture: Picture | None) -> Answer:
        """The answer to a conversation of one message, with the tools that the orchestrator offers then."""
        content: list[dict[str, Any]] = []
        tools = [generate_image_schema()]
        if picture is not None:
            tools.append(read_text_schema(["image_1"]))
            url = data_url(self.pictures.pixels(picture, self.rng))
            content += [{"type": "text", "text": "image_1: "}, {"type": "image_url", "image_url": {"url": url}}]
        content.append({"type": "text", "text": message})
        return self.send({"messages": [{"role": "user", "content": content}], "tools": tools})

    def go_on(self, chat: Conversation) -> Answer:
        """The answer to a whole conversation, whose pictures are those shown so far."""
        return self.send(as_request(chat, lambda picture: self.pictures.pixels(picture, self.rng)))

    def send(self, body: dict[str, Any]) -> Answer:
        """The answer to a request; an empty list of tools counts as none."""
        body = {"model": self.engine.vlm.name, "temperature": 0} | {k: v for k, v in body.items() if v}
        return self.engine.answer(ChatRequest.model_validate(body))


def data_url(pixels: np.ndarray) -> str:
    """A PNG as a data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def as_request(chat: Conversation, pixels: Callable[[Picture], np.ndarray]) -> dict[str, Any]:
    """A conversation as a client sends it: images as data URLs, calls with ids and arguments as JSON text."""
    pictures = iter(chat.pictures)
    messages: list[dict[str, Any]] = []
    answered = 0
    for message in chat.messages:
        sent = {key: value for key, value in message.items() if key != "learned"}
        if isinstance(message["content"], list):
            sent["content"] = [
                {"type": "image_url", "image_url": {"url": data_url(pixels(next(pictures)))}}
                if part["type"] == "image"
                else part
                for part in message["content"]
            ]
        if message["role"] == "tool":
            sent["tool_call_id"] = f"call_{answered}"
            answered += 1
        if "tool_calls" in message:
            functions = [call["function"] for call in message["tool_calls"]]
            sent["tool_calls"] = [_call(each, f"call_{answered + k}") for k, each in enumerate(functions)]
        messages.append(sent)
    return {"messages": messages, "tools": chat.tools}


def _call(function: dict[str, Any], call_id: str) -> dict[str, Any]:
    written = function | {"arguments": json.dumps(function["arguments"])}
    return {"id": call_id, "type": "function", "function": written}


def save(part: str, rows: list[dict[str, Any]]) -> None:
    """Keeps what went wrong, for reading."""
    target = RUNS / "vlm" / f"evaluation-{part}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1, ensure_ascii=False))
