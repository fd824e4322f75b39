"""Single messages of a person with the right reaction: a drawing, a reading, or an answer in words.

Knows which message wants which tool and which words are the argument. Does not know conversations.
"""

from dataclasses import dataclass
from random import Random

from training.phrasings.dressing import dress, take_span, wrap
from training.phrasings.grammar import SPAN_CLOSE, SPAN_OPEN, choose, expand, fill, lines, sections
from training.phrasings.subjects import noun_phrase, subject

_QUESTION_WORDS = (
    "can",
    "could",
    "would",
    "will",
    "do",
    "what",
    "which",
    "who",
    "how",
    "is",
    "are",
    "may",
    "any",
    "when",
    "where",
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_ORDERS = (
    "write ",
    "compose ",
    "book ",
    "order ",
    "call ",
    "set ",
    "play ",
    "translate ",
    "tell ",
    "recommend ",
    "explain ",
)
_ORDERS += (
    "find ",
    "send ",
    "buy ",
    "turn ",
    "open ",
    "start ",
    "convert ",
    "calculate ",
    "summarise ",
    "fix ",
    "give ",
)
_ORDERED = (
    "can you ",
    "would you ",
    "please ",
    "I want you to ",
    "will you ",
    "I'd like you to ",
    "you should ",
    "now ",
)
TALK_WEIGHTS = {
    "beyond": 8,
    "abilities": 3,
    "identity": 3,
    "greeting": 2,
    "thanks": 3,
    "okay": 1,
    "bye": 1,
    "editing": 2,
}
TALK_WEIGHTS |= {"again": 1, "vague": 1}


@dataclass(frozen=True)
class Request:
    """A message. Exactly one of these holds: `prompt` is set (draw it), `image` is set (read it), `reply` is set."""

    message: str
    prompt: str = ""
    """A span of the message."""
    negative_prompt: str = ""
    """A span of the message, or empty."""
    image: str = ""
    """The handle of the image to read."""
    reply: str = ""


def _is_question(message: str) -> bool:
    return message.lower().startswith(_QUESTION_WORDS)


def drawing(rng: Random) -> Request:
    """Somebody wants a picture."""
    if rng.random() < 0.015:
        return _drawing_without(rng)
    marked = f"{SPAN_OPEN}{subject(rng)}{SPAN_CLOSE}"
    if rng.random() < 0.09:
        return _finish_drawing(marked if rng.random() < 0.6 else wrap(marked, rng, closers="drawing_closers"), rng)
    message = wrap(
        expand(rng.choice(lines("drawing")), rng, {"x": marked, "d": noun_phrase(rng)}),
        rng,
        preambles="drawing_preambles",
        closers="drawing_closers",
    )
    return _finish_drawing(message, rng)


def _finish_drawing(message: str, rng: Random) -> Request:
    message, prompt = take_span(dress(message, rng, question=_is_question(message)))
    return Request(message, prompt=prompt)


def _drawing_without(rng: Random) -> Request:
    """A picture and what must not be in it: two spans."""
    skeleton = choose(rng.choice(lines("negatives")), rng)
    message = fill(
        skeleton, rng, {"x": f"{SPAN_OPEN}{noun_phrase(rng)}{SPAN_CLOSE}", "n": "\x03" + noun_phrase(rng) + "\x04"}
    )
    if rng.random() < 0.5:
        message = message[0].upper() + message[1:]
    message, prompt = take_span(message)
    head, _, rest = message.partition("\x03")
    unwanted, _, tail = rest.partition("\x04")
    return Request(head + unwanted + tail, prompt=prompt, negative_prompt=unwanted)


def drawing_and_reading(rng: Random) -> tuple[str, str, bool]:
    """Both in one message: the message, the prompt, and whether the reading is asked for first."""
    drawn = drawing(rng)
    while drawn.negative_prompt:
        drawn = drawing(rng)
    read = expand(rng.choice(lines("reading_too")), rng)
    if rng.random() < 0.6 or drawn.message.startswith(drawn.prompt):
        joint = rng.choice((" and ", ", and also ", ". Then ", " and then ", ". And ", ", then "))
        return drawn.message.rstrip(".?! ") + joint + read, drawn.prompt, False
    joint = rng.choice((". ", " and ", ", then ", ". And ", ", and ", "; "))
    first = f"{rng.choice(('', '', 'please ', 'can you '))}{read}".strip()
    message = first + joint + drawn.message[0].lower() + drawn.message[1:]
    return message[0].upper() + message[1:], drawn.prompt, True


def two_drawings(rng: Random) -> tuple[str, str, str]:
    """Two pictures wished for in one message: the message and both prompts."""
    first, second = noun_phrase(rng), subject(rng)
    slots = {"x": f"{SPAN_OPEN}{first}{SPAN_CLOSE}", "y": f"\x03{second}\x04"}
    message, _ = take_span(dress(expand(rng.choice(lines("two_drawings")), rng, slots), rng, question=False))
    head, _, rest = message.partition("\x03")
    other, _, tail = rest.partition("\x04")
    at = (head + other + tail).lower().find(first.lower())
    message = head + other + tail
    return message, message[at : at + len(first)], other


def image_words(handle: str, handles: list[str], rng: Random) -> str:
    """A way to speak of one image among several: "image_2", "the second picture", "the last one"."""
    noun = rng.choice(("image", "picture", "photo", "one", "page"))
    at = handles.index(handle)
    ways = [handle, handle.replace("_", " "), f"{rng.choice(('image', 'picture', 'photo'))} {at + 1}"]
    if at < len(_ORDINALS) and len(handles) > 1:
        ways += [f"the {_ORDINALS[at]} {noun}", f"the {_ORDINALS[at]} {noun}"]
    if at == len(handles) - 1:
        ways.append(f"the last {noun}")
    if handle.rpartition("_")[2] != str(at + 1):
        ways = [handle, handle, f"image {handle.rpartition('_')[2]}"]
    return rng.choice(ways)


def reading(rng: Random, handles: list[str]) -> Request:
    """Somebody wants to know what an image says; mostly the last one."""
    if rng.random() < (0.12 if len(handles) == 1 else 0.6):
        handle = rng.choice(handles)
        slots = {"img": image_words(handle, handles, rng)}
        message = expand(rng.choice(lines("reading_numbered")), rng, slots)
        return Request(dress(message, rng, question=_is_question(message)), image=handle)
    return Request(reading_words(rng), image=handles[-1])


def reading_words(rng: Random) -> str:
    """A request to read that names no image."""
    message = wrap(
        expand(rng.choice(lines("reading")), rng), rng, preambles="reading_preambles", closers="reading_closers"
    )
    return dress(message, rng, question=_is_question(message))


def reading_nothing(rng: Random) -> Request:
    """Somebody asks to read, but there is no image."""
    return Request(reading_words(rng), reply=choose(lines("no_image")[0][2:], rng))


def looking_words(rng: Random) -> str:
    """Somebody asks what an image shows."""
    message = wrap(
        expand(rng.choice(sections("looking")["what"]), rng), rng, closers=rng.choice((None, None, "reading_closers"))
    )
    return dress(message, rng, question=_is_question(message))


def looking_at_nothing(rng: Random) -> Request:
    """Somebody asks what an image shows, but there is none."""
    return Request(looking_words(rng), reply=choose(lines("no_image_looking")[0][2:], rng))


def talking(rng: Random) -> Request:
    """Neither tool is wanted: greetings, thanks, questions about the model, requests beyond it."""
    kind = rng.choices(list(TALK_WEIGHTS), list(TALK_WEIGHTS.values()))[0]
    *templates, answer = sections("talking")[kind]
    weights = [1.0 + template.count("|") for template in templates]
    message = expand(rng.choices(templates, weights)[0], rng)
    if message.startswith(_ORDERS) and rng.random() < 0.25:
        message = rng.choice(_ORDERED) + message
    if kind in ("beyond", "editing", "abilities", "vague") and rng.random() < 0.3:
        message = wrap(message, rng, closers="reading_closers" if rng.random() < 0.3 else None)
    return Request(dress(message, rng, question=_is_question(message)), reply=choose(answer[2:], rng))


def reply(kind: str, rng: Random) -> str:
    """A closing sentence after a tool's result: drawn, read, failed_drawing, failed_reading, nothing_read."""
    return choose(sections("replies")[kind][0], rng)
