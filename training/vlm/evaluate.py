"""Measures an exported VLM through the server's own engine: grammar, copy constraint and all.

Usage: python -m training.vlm.evaluate [--model models/vlm] [--part all] [--set held_out|development]
Prints JSON; what went wrong lies in runs/vlm/evaluation-PART.json.
"""

import argparse
import base64
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from services.vlm.engine import Answer, Engine
from services.vlm.loading import load
from services.vlm.request import ChatRequest
from services.vlm.settings import VlmSettings
from training.phrasings.tool_schemas import GENERATE_IMAGE, generate_image_schema, read_text_schema
from training.run import RUNS
from training.vlm.chat import PAGE, STRANGE, Conversation, Picture
from training.vlm.conversations import Mix, conversation
from training.vlm.pictures import PictureSource
from training.vlm.questions import PAGE_ANSWER, STRANGE_ANSWER, about_scene, about_unknown
from training.world import sample_scene

SETS = Path("training/phrasings/evaluation")
SEED = 990_017
"""Training uses other seeds; its scenes come from the same distribution."""
FAILURE = re.compile("not work|could not|no text")
KINDS = ("what", "count", "colour", "present", "where", "background")


@dataclass(frozen=True)
class Share:
    """A success rate with its 95 % interval (Wilson), in per cent."""

    right: int
    of: int
    percent: float
    low: float
    high: float


def share(outcomes: Iterable[bool]) -> Share:
    """Counts successes."""
    values = list(outcomes)
    n, k, z = max(1, len(values)), sum(values), 1.96
    middle = (k / n + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(k / n * (1 - k / n) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Share(
        k, len(values), round(100 * k / n, 1), round(100 * (middle - half), 1), round(100 * (middle + half), 1)
    )


class Asker:
    """Puts single messages to the engine."""

    def __init__(self, folder: Path, threads: int) -> None:
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

    def send(self, body: dict[str, Any]) -> Answer:
        """The answer to a request; an empty list of tools counts as none."""
        body = {"model": self.engine.vlm.name, "temperature": 0} | {k: v for k, v in body.items() if v}
        return self.engine.answer(ChatRequest.model_validate(body))


def data_url(pixels: np.ndarray) -> str:
    """A PNG as a data URL."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def judge(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Whether the tool is right, and whether the first call's argument is."""
    call = answer.calls[0] if answer.calls else None
    tool = call.name if call else None
    arguments = json.loads(call.arguments) if call else {}
    exact = tool == row["tool"]
    if exact and tool == GENERATE_IMAGE:
        exact = arguments.get("prompt", "").strip() in row["prompts"] and "negative_prompt" not in arguments
    elif exact and tool:
        exact = arguments.get("image") == "image_1"
    return row | {
        "got": tool,
        "arguments": arguments,
        "text": answer.text,
        "tool_right": tool == row["tool"],
        "exact": exact,
    }


def evaluate_phrasings(asker: Asker, name: str) -> dict[str, Any]:
    """The figures of one set of messages; images are pages for reading and scenes otherwise."""
    rows = json.loads((SETS / f"{name}.json").read_text(encoding="utf-8"))
    rng = Random(SEED)
    judged = []
    for row in rows:
        picture: Picture | None = None
        if row["image"]:
            picture = PAGE if row["tool"] == "read_text" else sample_scene(rng)
        judged.append(judge(row, asker.ask(row["message"], picture)))
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in judged:
        groups[each["tool"] or "words"].append(each)
    save(f"phrasings-{name}", [each for each in judged if not each["exact"]])
    figures: dict[str, Any] = {
        "right tool": asdict(share(each["tool_right"] for each in judged)),
        "tool and argument exactly right": asdict(share(each["exact"] for each in judged)),
    }
    for wanted, members in groups.items():
        figures[f"right tool, wanted {wanted}"] = asdict(share(each["tool_right"] for each in members))
        figures[f"exactly right, wanted {wanted}"] = asdict(share(each["exact"] for each in members))
    return figures


def evaluate_images(asker: Asker, count: int) -> dict[str, Any]:
    """Answers about fresh scenes, pages and strange images, compared word for word."""
    rng = Random(SEED + 1)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, str]] = []
    for kind in KINDS:
        for _ in range(count):
            scene = sample_scene(rng)
            question = about_scene(scene, rng, kind)
            text = asker.ask(question.message, scene).text.strip()
            outcomes[f"{question.kind}: same words"].append(text == question.answer)
            if question.kind in ("colour", "background"):
                key = question.answer.rstrip(".").rsplit(" ", 1)[-1]
                outcomes[f"{question.kind}: right word"].append(key in text)
            if question.kind == "what":
                outcomes["what: all things named"].append(all(group.thing in text for group in scene.groups))
                outcomes["what: first thing named"].append(scene.groups[0].thing in text)
            if text != question.answer:
                wrong.append({"question": question.message, "wanted": question.answer, "got": text})
    for kind, wanted in ((PAGE, PAGE_ANSWER), (STRANGE, STRANGE_ANSWER)):
        for _ in range(count):
            question = about_unknown(rng, wanted)
            outcomes[f"{kind}: recognised"].append(asker.ask(question.message, kind).text.strip() == wanted)
    save("images", wrong)
    return {name: asdict(share(values)) for name, values in sorted(outcomes.items())}


def as_request(chat: Conversation, pixels: Callable[[Picture], np.ndarray]) -> dict[str, Any]:
    """A conversation as a client sends it: images as data URLs, calls with ids and arguments as JSON text."""
    pictures = iter(chat.pictures)
    messages: list[dict[str, Any]] = []
    for message in chat.messages:
        sent = dict(message)
        if isinstance(message["content"], list):
            sent["content"] = [
                {"type": "image_url", "image_url": {"url": data_url(pixels(next(pictures)))}}
                if part["type"] == "image"
                else part
                for part in message["content"]
            ]
        if message["role"] == "tool":
            sent["tool_call_id"] = "call_1"
        if "tool_calls" in message:
            function = message["tool_calls"][0]["function"]
            written = function | {"arguments": json.dumps(function["arguments"])}
            sent["tool_calls"] = [{"id": "call_1", "type": "function", "function": written}]
        messages.append(sent)
    return {"messages": messages, "tools": chat.tools}


def evaluate_results(asker: Asker, count: int) -> dict[str, Any]:
    """Answers to tool results in whole conversations: no further call, and the handle of a text copied right."""
    rng = Random(SEED + 2)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, str]] = []
    while sum(map(len, outcomes.values())) < count:
        chat = conversation(rng, Mix(looking=0, both=0, more_turns=0.6))
        while chat.messages and not (chat.messages[-1]["role"] == "assistant" and chat.messages[-2]["role"] == "tool"):
            chat.messages.pop()
        if not chat.messages:
            continue
        wanted = chat.messages.pop()["content"]
        seen = sum(
            part["type"] == "image" for m in chat.messages if isinstance(m["content"], list) for part in m["content"]
        )
        chat.pictures = chat.pictures[:seen]
        answer = asker.send(as_request(chat, lambda picture: asker.pictures.pixels(picture, asker.rng)))
        handle, failed = wanted.partition("{{")[2], bool(FAILURE.search(wanted))
        kind = "text quoted by its handle" if handle else "failure said" if failed else "picture announced"
        good = not answer.calls and bool(answer.text) and bool(FAILURE.search(answer.text)) == failed
        good = good and (handle in answer.text if handle else "{{" not in answer.text)
        outcomes[kind].append(good)
        if not good:
            wrong.append({"result": str(chat.messages[-1]["content"])[:100], "wanted": wanted, "got": answer.text})
    save("results", wrong)
    return {name: asdict(share(values)) for name, values in sorted(outcomes.items())}


def save(part: str, rows: list[dict[str, Any]]) -> None:
    """Keeps what went wrong, for reading."""
    target = RUNS / "vlm" / f"evaluation-{part}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1, ensure_ascii=False))


def main() -> None:
    """Prints the figures of the chosen parts."""
    parser = argparse.ArgumentParser(description="Evaluate an exported VLM.")
    parser.add_argument("--model", type=Path, default=Path("models/vlm"))
    parser.add_argument("--part", choices=("phrasings", "results", "images", "all"), default="all")
    parser.add_argument("--set", dest="name", choices=("held_out", "development"), default="held_out")
    parser.add_argument("--count", type=int, default=60, help="pictures for each kind of question")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    asker = Asker(args.model, args.threads)
    figures: dict[str, Any] = {}
    if args.part in ("phrasings", "all"):
        figures["phrasings"] = evaluate_phrasings(asker, args.name)
    if args.part in ("results", "all"):
        figures["results"] = evaluate_results(asker, args.count)
    if args.part in ("images", "all"):
        figures["images"] = evaluate_images(asker, args.count)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
