"""Measures answers in words: about pictures of the world, about text that was read, and to results of tools.

Knows what is right. Does not know how the model is run.
"""

import re
from collections import defaultdict
from random import Random
from typing import Any

from training.intervals import Figure, proportion
from training.vlm.asking import SEED, Asker, save
from training.vlm.chat import PAGE, STRANGE, Conversation
from training.vlm.conversations import Mix, conversation
from training.vlm.questions import PAGE_ANSWER, STRANGE_ANSWER, Question, about_scene, about_unknown
from training.vlm.reading_turns import page_turn
from training.world import Scene, sample_scene

KINDS = ("what", "count", "colour", "present", "where", "background", "beside")
HANDLE = re.compile(r"\{\{[^}]*\}\}")
FAILURE = re.compile("not work|could not|no text")


def _question(kind: str, rng: Random, *, held_out: bool) -> tuple[Scene, Question]:
    while True:
        scene = sample_scene(rng, held_out=held_out)
        question = about_scene(scene, rng, kind)
        if question.kind == kind:
            return scene, question


def evaluate_scenes(asker: Asker, count: int, *, held_out: bool) -> dict[str, Figure]:
    """`count` questions of each kind about fresh scenes; right are the very words of the scene graph's answer."""
    rng = Random(SEED + 1)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, str]] = []
    for kind in KINDS:
        for _ in range(count):
            scene, question = _question(kind, rng, held_out=held_out)
            text = asker.ask(question.message, scene).text.strip()
            outcomes["all kinds"].append(text == question.answer)
            outcomes[kind].append(text == question.answer)
            if kind == "what":
                outcomes["what: all things named"].append(all(group.thing in text for group in scene.groups))
            if text != question.answer:
                wrong.append({"kind": kind, "question": question.message, "wanted": question.answer, "got": text})
    save(f"scenes-{'held_out' if held_out else 'seen'}", wrong)
    return {name: proportion(sum(values), len(values)) for name, values in outcomes.items()}


def evaluate_others(asker: Asker, count: int) -> dict[str, Figure]:
    """Pages and strange images are recognised as such."""
    rng = Random(SEED + 4)
    figures: dict[str, Figure] = {}
    for kind, wanted in ((PAGE, PAGE_ANSWER), (STRANGE, STRANGE_ANSWER)):
        said = [asker.ask(about_unknown(rng, wanted).message, kind).text.strip() for _ in range(count)]
        figures[f"{kind} recognised"] = proportion(sum(text == wanted for text in said), count)
    return figures


def _as_far_as_result(chat: Conversation) -> str:
    """Cuts a conversation behind its last result of a tool; returns the answer that followed, "" if there is none."""
    while len(chat.messages) > 1:
        last = chat.messages.pop()
        if last["role"] == "assistant" and chat.messages[-1]["role"] == "tool":
            contents = (message["content"] for message in chat.messages)
            seen = sum(part["type"] == "image" for parts in contents if isinstance(parts, list) for part in parts)
            chat.pictures = chat.pictures[:seen]
            return last["content"]
    return ""


def evaluate_extraction(asker: Asker, count: int, *, held_out: bool) -> dict[str, Figure]:
    """Questions about pages that were read: right is the handle of the right line, or of all where none answers."""
    rng = Random(SEED + 2)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, str]] = []
    for _ in range(count):
        chat = Conversation(can_read=True)
        page_turn(chat, rng, [PAGE], held_out=held_out)
        del chat.messages[4:]
        wanted = HANDLE.findall(_as_far_as_result(chat))
        answer = asker.go_on(chat)
        right = not answer.calls and HANDLE.findall(answer.text) == wanted
        outcomes["right line"].append(right)
        outcomes["a line answers" if ":" in wanted[0] else "no line answers"].append(right)
        if not right:
            row = {"asked": str(chat.messages[0]["content"]), "result": chat.messages[-1]["content"]}
            wrong.append(row | {"wanted": wanted[0], "got": answer.text})
    save(f"extraction-{'held_out' if held_out else 'seen'}", wrong)
    return {name: proportion(sum(values), len(values)) for name, values in outcomes.items()}


def _kind_of(wanted: str) -> str:
    if ":unknown}}" in wanted:
        return "words that the painter does not know named"
    if "{{text" in wanted:
        return "text quoted by its handle"
    if wanted.startswith("The result:"):
        return "short result of a function quoted"
    return "failure said" if FAILURE.search(wanted) else "picture announced" if "picture" in wanted else "other"


def evaluate_results(asker: Asker, count: int) -> dict[str, Figure]:
    """Answers to results of tools in whole conversations of the training's kind."""
    rng = Random(SEED + 5)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, Any]] = []
    while sum(map(len, outcomes.values())) < count:
        chat = conversation(rng, Mix(looking=0, pages=0, more_turns=0.6))
        wanted = _as_far_as_result(chat)
        if not wanted:
            continue
        answer, kind = asker.go_on(chat), _kind_of(wanted)
        right = not answer.calls and bool(answer.text) and HANDLE.findall(answer.text) == HANDLE.findall(wanted)
        right = right and bool(FAILURE.search(answer.text)) == bool(FAILURE.search(wanted))
        if kind == "short result of a function quoted":
            right = answer.text.strip() == wanted.strip()
        outcomes[kind].append(right)
        if not right:
            wrong.append({"result": chat.messages[-1]["content"], "wanted": wanted, "got": answer.text})
    save("results", wrong)
    return {name: proportion(sum(values), len(values)) for name, values in sorted(outcomes.items())}
