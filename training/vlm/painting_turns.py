"""Turns in which somebody wants pictures painted, alone or along with something else.

Knows what the painter's results look like and what is said to them. Does not know which turns follow.
"""

from random import Random
from typing import Any

from training.phrasings import requests
from training.phrasings.grammar import lines
from training.phrasings.subjects import nonsense
from training.phrasings.tool_schemas import GENERATE_IMAGE, READ_TEXT
from training.vlm.chat import Conversation, Picture, calls, random_error, result, says, user_says

STATELESS = 0.25
"""How often an earlier turn looks as a client without memory of calls sends it: an answer with the result in it."""
_NO_DRAWING = "I cannot draw here: this chat gives me no tool for it."
_CUT = "The prompt is longer than the painter can take in; its end had no effect."


def painted(chat: Conversation, rng: Random) -> tuple[dict[str, Any], str]:
    """A result of the painter and the sentence that follows it. Sometimes it does not know words of the prompt."""
    seed = rng.choice((rng.randrange(100), rng.randrange(2**32)))
    handle = chat.new_handle()
    chat.unseen.append(handle)
    fields: dict[str, Any] = {"image": handle, "width": 128, "height": 128, "seed": seed}
    kind = rng.random()
    if kind < 0.4:
        words = [nonsense(rng) if rng.random() < 0.4 else rng.choice(lines("nouns")) for _ in range(rng.randint(1, 4))]
        fields["unknown_words"] = words
        return fields, requests.reply("unknown", rng).replace("{h}", f"{{{{{handle}:unknown}}}}")
    if kind < 0.44:
        fields["note"] = _CUT
        return fields, requests.reply("shortened", rng)
    return fields, requests.reply("drawn", rng)


def painting_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    """One picture is wished for."""
    request = requests.drawing(rng)
    user_says(chat, request.message, pictures, rng)
    if not chat.can_draw:
        says(chat, _NO_DRAWING)
    elif finish and chat.going_on and rng.random() < STATELESS:
        handle = chat.new_handle()
        chat.unseen.append(handle)
        says(chat, f"[{handle}]\n\n{requests.reply('drawn', rng)}", learned=False)
    else:
        _paint(chat, request, rng, finish=finish)


def _paint(chat: Conversation, request: requests.Request, rng: Random, *, finish: bool) -> None:
    arguments = {"prompt": request.prompt}
    if request.negative_prompt:
        arguments["negative_prompt"] = request.negative_prompt
    calls(chat, (GENERATE_IMAGE, arguments))
    if not finish:
        return
    if rng.random() < 0.15:
        result(chat, random_error(rng))
        says(chat, requests.reply("failed_drawing", rng))
        return
    fields, answer = painted(chat, rng)
    result(chat, fields)
    says(chat, answer)


def both_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    """Paint and read in one message: two calls in one answer, in the order of the wishes."""
    message, prompt, reads_first = requests.drawing_and_reading(rng)
    user_says(chat, message, pictures, rng)
    drawing = (GENERATE_IMAGE, {"prompt": prompt})
    reading = (READ_TEXT, {"image": chat.handles[-1]})
    calls(chat, *((reading, drawing) if reads_first else (drawing, reading)))
    if not finish:
        return
    handle, text = chat.new_handle(), chat.new_text()
    chat.unseen.append(handle)
    shown = {"image": handle, "width": 128, "height": 128, "seed": rng.randrange(1000)}
    read = {"text": text, "lines": 1, "confidence": round(rng.uniform(0.5, 1.0), 3)}
    read["content"] = f"1: {requests.drawing(rng).message}"
    for fields in (read, shown) if reads_first else (shown, read):
        result(chat, fields)
    says(chat, f"{requests.reply('drawn', rng)} {requests.reply('read', rng)}\n\n{{{{{text}}}}}")


def two_paintings_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    """Two pictures in one message: two calls."""
    message, first, second = requests.two_drawings(rng)
    user_says(chat, message, pictures, rng)
    calls(chat, (GENERATE_IMAGE, {"prompt": first}), (GENERATE_IMAGE, {"prompt": second}))
    if not finish:
        return
    for _ in range(2):
        handle = chat.new_handle()
        chat.unseen.append(handle)
        result(chat, {"image": handle, "width": 128, "height": 128, "seed": rng.randrange(1000)})
    says(chat, requests.reply("drawn_two", rng))
