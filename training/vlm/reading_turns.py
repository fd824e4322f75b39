"""Turns in which somebody wants to know what an image says: all of it, or one thing that its text answers.

Knows the results of `read_text` and how lines are quoted by handle. Does not know which turns follow.
"""

import re
from random import Random

from training.phrasings import requests
from training.phrasings.page_questions import question
from training.phrasings.pages import Page, page
from training.phrasings.subjects import subject
from training.phrasings.tool_schemas import READ_TEXT
from training.vlm.chat import Conversation, Picture, calls, random_error, result, says, user_says
from training.vlm.painting_turns import STATELESS

_NO_READING = "I cannot read exact text here: this chat gives me no tool for it."
_ASKS_FOR_ONE_THING = re.compile(
    r"\b(?:total|sum|amount|price|date|name|number|code|who|whom|whose|when|where|how much|how many|which|first|last|"
    r"line|title|headline|address|phone|time|error|about|due|fee|tax|tip|cost|bill|email|password|author|sender|subject)\b"
)
WHOLE_PAGES = 0.8
"""How often somebody who wants all of a text shows a page: only the question tells this from a wish for one line."""
_QUESTIONS = (1, 1, 2, 3, 3, 2)
"""How often 0, 1 … further questions about the same text come: a page costs 100 tokens, a question 15."""


def _random_text(rng: Random) -> Page:
    kind = rng.random()
    if kind < 0.3:
        return Page([requests.drawing(rng).message])
    if kind < 0.45:
        return Page([requests.reading_words(rng)])
    count = rng.randint(20, 40) if rng.random() < 0.04 else rng.randint(1, 6)
    return Page([subject(rng) for _ in range(count)])


def tell(chat: Conversation, shown: Page, rng: Random) -> str:
    """The result of a reading; returns the text's handle."""
    text = chat.new_text()
    confidence = round(rng.uniform(0.5, 1.0), 3)
    fields = {"text": text, "lines": len(shown.lines), "confidence": confidence, "content": shown.numbered}
    result(chat, fields)
    return text


def reading_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    """Somebody wants all of a text, or asks for one thing in a text that may not have it."""
    coming = [f"image_{chat.next_image + k}" for k in range(len(pictures))]
    request = requests.reading(rng, chat.handles + coming)
    user_says(chat, request.message, pictures, rng)
    if not chat.can_read:
        says(chat, _NO_READING)
        return
    shown = _random_text(rng)
    if not _ASKS_FOR_ONE_THING.search(request.message.lower()) and rng.random() < WHOLE_PAGES:
        shown = page(rng)
    if finish and chat.going_on and rng.random() < STATELESS:
        says(chat, f"{requests.reply('read', rng)}\n\n" + "\n".join(shown.lines), learned=False)
        return
    calls(chat, (READ_TEXT, {"image": request.image}))
    if not finish:
        return
    kind = rng.random()
    if kind < 0.12:
        result(chat, random_error(rng))
        says(chat, requests.reply("failed_reading", rng))
    elif kind < 0.24:
        result(chat, {"lines": 0, "content": "", "note": "No text was found in the picture."})
        says(chat, requests.reply("nothing_read", rng))
    else:
        text = tell(chat, shown, rng)
        says(chat, f"{requests.reply('read', rng)}\n\n{{{{{text}}}}}")


def line_answer(text: str, first: int, last: int, rng: Random) -> str:
    """An answer by handle: the lines `first` to `last` of a text, or all of it where none answers (0)."""
    if first == 0:
        return f"{requests.reply('not_found', rng)}\n\n{{{{{text}}}}}"
    lines = str(first) if first == last else f"{first}-{last}"
    return f"{requests.reply('line', rng)}\n\n{{{{{text}:{lines}}}}}"


def page_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, held_out: bool = False) -> None:
    """Somebody asks for one thing on a page, and perhaps for more."""
    shown = page(rng, held_out=held_out)
    asked = question(shown, rng, held_out=held_out)
    user_says(chat, asked.message, pictures, rng)
    if not chat.can_read:
        says(chat, _NO_READING)
        return
    calls(chat, (READ_TEXT, {"image": chat.handles[-1]}))
    text = tell(chat, shown, rng)
    says(chat, line_answer(text, asked.first, asked.last, rng))
    for _ in range(rng.choices(range(len(_QUESTIONS)), _QUESTIONS)[0]):
        asked = question(shown, rng, held_out=held_out)
        user_says(chat, asked.message, [], rng)
        says(chat, line_answer(text, asked.first, asked.last, rng))
