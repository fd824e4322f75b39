"""Measures whether the right function is called with the right arguments: ours on held-out messages, and functions
that training never showed. Knows what is right. Does not know how the model is run.
"""

import json
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

from services.vlm.engine import Answer
from training.intervals import Figure, proportion
from training.phrasings.functions import Wish
from training.phrasings.tool_schemas import GENERATE_IMAGE, READ_TEXT
from training.vlm.asking import SEED, Asker, save
from training.vlm.chat import PAGE, Conversation, Picture, user_says
from training.vlm.function_turns import offer, unfitting_turn
from training.world import sample_scene

SETS = Path("training/phrasings/evaluation")
UNFITTING_SHARE = 0.15


def _right_argument(tool: str, arguments: dict[str, Any], prompts: list[str]) -> bool:
    if tool == GENERATE_IMAGE:
        return arguments.get("prompt", "") in prompts and "negative_prompt" not in arguments
    return arguments.get("image") == "image_1"


def _wanted(row: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The calls that a message wants: each tool with the prompts that are right."""
    calls = [(row["tool"], row.get("prompts", []))] if row["tool"] else []
    return calls + ([(row["second"], row.get("second_prompts", []))] if "second" in row else [])


def judge(row: dict[str, Any], answer: Answer) -> dict[str, Any]:
    """Whether the tools are right, and whether the arguments are, too. Two calls may come in any order."""
    wanted = sorted(_wanted(row), key=lambda call: call[0])
    got = [(call.name, json.loads(call.arguments)) for call in answer.calls]
    ordered = sorted(got, key=lambda call: call[0])
    tools = [name for name, _ in wanted] == [name for name, _ in ordered]
    pairs = zip(wanted, ordered, strict=False)
    exact = tools and all(_right_argument(name, arguments, prompts) for (name, prompts), (_, arguments) in pairs)
    return row | {"got": got, "text": answer.text, "tool_right": tools, "exact": exact}


def evaluate_messages(asker: Asker, names: tuple[str, ...]) -> dict[str, Figure]:
    """Figures of sets of messages; images are pages for reading and scenes otherwise."""
    rng = Random(SEED)
    judged: list[dict[str, Any]] = []
    for name in names:
        for row in json.loads((SETS / f"{name}.json").read_text(encoding="utf-8")):
            picture: Picture | None = None
            if row["image"]:
                picture = PAGE if READ_TEXT in (row["tool"], row.get("second")) else sample_scene(rng)
            judged.append(judge(row | {"set": name}, asker.ask(row["message"], picture)))
    save(f"messages-{names[0]}", [each for each in judged if not each["exact"]])
    groups: dict[str, list[dict[str, Any]]] = {"tool and arguments right": judged}
    if len(names) > 1:
        groups |= {
            f"tool and arguments right, {name}": [each for each in judged if each["set"] == name] for name in names
        }
    for each in judged:
        wanted = "two calls" if "second" in each else each["tool"] or "words"
        groups.setdefault(f"tool and arguments right, wanted {wanted}", []).append(each)
    figures = {"right tool": proportion(sum(each["tool_right"] for each in judged), len(judged))}
    return figures | {
        name: proportion(sum(m["exact"] for m in members), len(members)) for name, members in groups.items()
    }


def judge_function(wanted: Wish, answer: Answer) -> tuple[bool, bool]:
    """Whether exactly the wanted function is called, and whether all arguments are right, too."""
    name = len(answer.calls) == 1 and answer.calls[0].name == wanted.function["function"]["name"]
    return name, name and json.loads(answer.calls[0].arguments) == wanted.arguments


def evaluate_functions(asker: Asker, count: int, *, held_out: bool = True) -> dict[str, Figure]:
    """Fresh functions: of held-out names, verbs and nouns, or of the training's kind."""
    rng = Random(SEED + 3)
    outcomes: dict[str, list[bool]] = defaultdict(list)
    wrong: list[dict[str, Any]] = []
    for number in range(count):
        chat = Conversation()
        if number < UNFITTING_SHARE * count:
            unfitting_turn(chat, rng, held_out=held_out)
            chat.messages.pop()
            answer = asker.go_on(chat)
            outcomes["no function fits: answered in words"].append(not answer.calls)
            continue
        wanted = offer(chat, rng, held_out=held_out)[0]
        user_says(chat, wanted.message, [], rng)
        answer = asker.go_on(chat)
        name, exact = judge_function(wanted, answer)
        outcomes["name right"].append(name)
        outcomes["name and arguments right"].append(exact)
        if not exact:
            got = [(call.name, call.arguments) for call in answer.calls]
            offered = [tool["function"]["name"] for tool in chat.tools]
            row = {"message": wanted.message, "function": wanted.function["function"]["name"], "offered": offered}
            wrong.append(row | {"wanted": wanted.arguments, "got": got, "text": answer.text})
    save(f"functions-{'held_out' if held_out else 'seen'}", wrong)
    return {name: proportion(sum(values), len(values)) for name, values in outcomes.items()}


def evaluate_written_functions(asker: Asker) -> dict[str, Figure]:
    """Functions and messages written by hand, apart from the generator; all of a row's functions are offered."""
    sets = json.loads((SETS / "functions.json").read_text(encoding="utf-8"))
    names, exact, wrong = 0, 0, []
    total = 0
    for each in sets:
        for row in each["messages"]:
            answer = asker.send({"messages": [{"role": "user", "content": row["message"]}], "tools": each["tools"]})
            got = [(call.name, json.loads(call.arguments)) for call in answer.calls]
            wanted = [(row["name"], row["arguments"])] if row["name"] else []
            total += 1
            names += [name for name, _ in got] == [name for name, _ in wanted]
            exact += got == wanted
            if got != wanted:
                wrong.append(row | {"got": got, "text": answer.text})
    save("functions-written", wrong)
    return {"name right": proportion(names, total), "name and arguments right": proportion(exact, total)}
