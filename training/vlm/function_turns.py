"""Turns in which somebody wants one of the client's own functions, and what is said to its result.

Knows the forms of such results. Does not know which turns follow.
"""

from random import Random
from typing import Any

from training.phrasings import requests
from training.phrasings.composed import fits_too, others, wish
from training.phrasings.function_values import value
from training.phrasings.functions import Wish
from training.phrasings.grammar import lines
from training.phrasings.subjects import nonsense
from training.vlm.chat import Conversation, calls, random_error, result, says, user_says

_KEYS = ("result", "value", "answer", "output", "text", "status", "message", "name", "id", "price", "time", "title")
_DONE: tuple[Any, ...] = ("", "ok", "OK", "done", "success", "true", "null")
_DONE += (
    {"status": "ok"},
    {"success": True},
    {"ok": True},
    {"status": "success"},
    {"done": True},
    {},
    {"result": "ok"},
)
_FURTHER_WISHES = (2, 2, 3, 3)
"""How often 0, 1 … further functions are wished for: the list of functions costs 100 tokens, a wish 30."""
_VALUES = ("place", "person", "time", "date", "song", "code", "topic", "version", "company", "room", "food")


def offer(chat: Conversation, rng: Random, *, held_out: bool = False) -> list[Wish]:
    """Puts up to five functions among the conversation's tools; returns wishes for one to four of them."""
    wishes = [wish(rng, held_out=held_out)]
    offered = [each.function for each in wishes]
    offered += others(wishes[0], rng.choices(range(5), (2, 2, 3, 3, 3))[0], rng, held_out=held_out)
    for _ in range(rng.choices(range(4), _FURTHER_WISHES)[0]):
        further = wish(rng, held_out=held_out)
        if len(offered) < 5 and not any(fits_too(further.function, each) for each in offered):
            wishes.append(further)
            offered.append(further.function)
    chat.tools += offered
    rng.shuffle(chat.tools)
    return wishes


def _short(rng: Random) -> str | int | float:
    kind = rng.random()
    if kind < 0.35:
        return rng.randint(0, rng.choice((9, 99, 9999)))
    if kind < 0.5:
        return round(rng.uniform(0, rng.choice((9, 900))), rng.choice((1, 2)))
    return value(rng.choice(_VALUES), rng)


def function_result(rng: Random) -> tuple[Any, str]:
    """What a function gives back, and the answer: the short value itself, or that it is done."""
    kind = rng.random()
    if kind < 0.12:
        return random_error(rng), requests.reply("failed_function", rng)
    if kind < 0.4:
        return rng.choice(_DONE), requests.reply("done", rng)
    if kind < 0.65:
        words = value("sentence", rng).capitalize() if rng.random() < 0.5 else str(_short(rng))
        return words, f"The result: {words}"
    fields: dict[str, Any] = {}
    for _ in range(rng.choices((1, 2, 3), (5, 3, 1))[0]):
        key = rng.choice(_KEYS) if rng.random() < 0.6 else rng.choice((nonsense(rng), rng.choice(lines("nouns"))))
        fields[key] = _short(rng)
    told = ", ".join(f"{key}: {each}" for key, each in fields.items())
    return fields, f"The result: {next(iter(fields.values())) if len(fields) == 1 else told}"


def function_turn(chat: Conversation, rng: Random, wanted: Wish, *, finish: bool) -> None:
    """Somebody wants a function that is offered."""
    user_says(chat, wanted.message, [], rng)
    calls(chat, (wanted.function["function"]["name"], wanted.arguments))
    if finish:
        told, answer = function_result(rng)
        result(chat, told)
        says(chat, answer)


def unfitting_turn(chat: Conversation, rng: Random, *, held_out: bool = False) -> None:
    """Somebody wants a function, and only others are offered."""
    wanted = wish(rng, held_out=held_out)
    chat.tools += others(wanted, rng.randint(1, 4), rng, held_out=held_out)
    rng.shuffle(chat.tools)
    user_says(chat, wanted.message, [], rng)
    says(chat, requests.reply("no_function", rng))


def foreign(rng: Random) -> list[dict[str, Any]]:
    """One to three functions that nobody asks for."""
    return others(wish(rng), rng.randint(1, 3), rng)
