"""Whole conversations as the orchestrator sends them, with the turns that the model shall write.

Knows the order of messages, handles, tools and results. Does not know tokens or pixels.
"""

from dataclasses import dataclass
from random import Random

from training.phrasings import requests
from training.phrasings.subjects import nonsense, subject
from training.phrasings.tool_schemas import (
    GENERATE_IMAGE,
    READ_TEXT,
    generate_image_schema,
    other_schemas,
    read_text_schema,
)
from training.vlm.chat import (
    PAGE,
    STRANGE,
    Conversation,
    Picture,
    calls,
    random_error,
    result,
    says,
    user_says,
)
from training.vlm.questions import PAGE_ANSWER, STRANGE_ANSWER, about_scene, about_unknown, numbered
from training.world import Scene, sample_scene

STATELESS = 0.25
"""How often an earlier turn looks as a client without memory of calls sends it: an answer with the result in it."""
FOLLOW_UPS = (3, 2, 2, 2, 1)
"""How often 0, 1 … 4 further questions about the same picture come: an image costs 64 tokens, a question 20."""
_NO_DRAWING = "I cannot draw here: this chat gives me no tool for it."
_NO_READING = "I cannot read exact text here: this chat gives me no tool for it."


def _draw(chat: Conversation, request: requests.Request, rng: Random, *, finish: bool) -> None:
    if finish and chat.going_on and rng.random() < STATELESS:
        handle = chat.new_handle()
        chat.unseen.append(handle)
        says(chat, f"[{handle}]\n\n{requests.reply('drawn', rng)}", learned=False)
        return
    arguments = {"prompt": request.prompt}
    if request.negative_prompt:
        arguments["negative_prompt"] = request.negative_prompt
    calls(chat, GENERATE_IMAGE, arguments)
    if not finish:
        return
    if rng.random() < 0.2:
        result(chat, random_error(rng))
        says(chat, requests.reply("failed_drawing", rng))
        return
    seed = rng.choice((rng.randrange(100), rng.randrange(2**32)))
    handle = chat.new_handle()
    chat.unseen.append(handle)
    result(chat, {"image": handle, "width": 128, "height": 128, "seed": seed})
    says(chat, requests.reply("drawn", rng))


def _read_content(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return requests.drawing(rng).message
    if kind < 0.4:
        return requests.reading_words(rng)
    return "\n".join(subject(rng) for _ in range(3))


def _read(chat: Conversation, handle: str, rng: Random, *, finish: bool) -> None:
    if finish and chat.going_on and rng.random() < STATELESS:
        says(chat, f"{requests.reply('read', rng)}\n\n{_read_content(rng)}", learned=False)
        return
    calls(chat, READ_TEXT, {"image": handle})
    if not finish:
        return
    if rng.random() < 0.2:
        result(chat, random_error(rng))
        says(chat, requests.reply("failed_reading", rng))
        return
    lines = rng.choice((0, 1, rng.randint(1, 80)))
    if lines == 0:
        result(chat, {"lines": 0, "content": "", "note": "No text was found in the picture."})
        says(chat, requests.reply("nothing_read", rng))
        return
    text = f"text_{chat.next_text}"
    chat.next_text += 1
    confidence = round(rng.uniform(0.5, 1.0), 3)
    result(chat, {"text": text, "lines": lines, "confidence": confidence, "content": _read_content(rng)})
    says(chat, f"{requests.reply('read', rng)}\n\n{{{{{text}}}}}")


def _drawing_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    request = requests.drawing(rng)
    user_says(chat, request.message, pictures, rng)
    if chat.can_draw:
        _draw(chat, request, rng, finish=finish)
    else:
        says(chat, _NO_DRAWING)


def _reading_turn(chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    first_new = chat.next_image
    coming = [f"image_{first_new + k}" for k in range(len(pictures))]
    request = requests.reading(rng, chat.handles + coming)
    user_says(chat, request.message, pictures, rng)
    if chat.can_read:
        _read(chat, request.image, rng, finish=finish)
    else:
        says(chat, _NO_READING)


def _looking_turn(chat: Conversation, rng: Random, pictures: list[Picture]) -> None:
    """Asks about the image that comes with the message."""
    target = pictures[-1]
    if isinstance(target, Scene):
        scenes = [k for k, picture in enumerate(pictures) if isinstance(picture, Scene)]
        if len(pictures) > 1 and rng.random() < 0.6:
            chosen = rng.choice(scenes)
            coming = [f"image_{chat.next_image + k}" for k in range(len(pictures))]
            scene = pictures[chosen]
            assert isinstance(scene, Scene)
            question = numbered(coming[chosen], coming, scene, rng)
        else:
            question = about_scene(target, rng)
    else:
        question = about_unknown(rng, PAGE_ANSWER if target == PAGE else STRANGE_ANSWER)
    message = question.message
    if question.kind in ("what", "outside") and rng.random() < 0.05:
        message = ""
    user_says(chat, message, pictures, rng)
    says(chat, question.answer)
    if len(pictures) == 1 and isinstance(target, Scene):
        for _ in range(rng.choices(range(5), FOLLOW_UPS)[0]):
            question = about_scene(target, rng)
            user_says(chat, question.message, [], rng)
            says(chat, question.answer)


def _word_turn(chat: Conversation, rng: Random) -> None:
    kind = rng.random()
    if not chat.handles and kind < 0.15:
        request = requests.reading_nothing(rng)
    elif not chat.handles and kind < 0.22:
        request = requests.looking_at_nothing(rng)
    else:
        request = requests.talking(rng)
    user_says(chat, request.message, [], rng)
    says(chat, request.reply)


def _both_turn(chat: Conversation, rng: Random, pictures: list[Picture]) -> None:
    """Draw and read in one message: two calls, one after the other."""
    drawing = requests.drawing(rng)
    handle = f"image_{chat.next_image + len(pictures) - 1}"
    joint = rng.choice((" and ", ", and also ", ". Then ", " and then "))
    user_says(
        chat,
        f"{drawing.message.rstrip('.?!')}{joint}{rng.choice(('read this', 'read the image', 'tell me what it says'))}",
        pictures,
        rng,
    )
    _draw(chat, drawing, rng, finish=False)
    result(chat, {"image": chat.new_handle(), "width": 128, "height": 128, "seed": rng.randrange(1000)})
    _read(chat, handle, rng, finish=True)


def sample_picture(rng: Random, *, for_reading: bool) -> Picture:
    """A page mostly when somebody wants to read, a scene mostly when somebody asks what it shows."""
    shares = (0.25, 0.6, 0.15) if for_reading else (0.82, 0.12, 0.06)
    kind = rng.choices(("scene", PAGE, STRANGE), shares)[0]
    return sample_scene(rng) if kind == "scene" else kind


def _offer_tools(chat: Conversation, rng: Random) -> None:
    """Decides which tools this conversation has; reading is offered once there is an image."""
    missing = rng.random()
    chat.can_draw = missing >= 0.09
    chat.can_read = (bool(chat.pictures) or rng.random() < 0.4) and not 0.06 <= missing < 0.12
    if missing < 0.06:
        chat.can_read = False
    if chat.can_draw:
        chat.tools.append(generate_image_schema())
    if chat.can_read:
        chat.tools.append(read_text_schema(["image_1"]))
    if rng.random() < 0.06:
        chat.tools += other_schemas(rng)
        rng.shuffle(chat.tools)


@dataclass(frozen=True)
class Mix:
    """How often which first turn comes."""

    drawing: float = 5.0
    reading: float = 2.5
    looking: float = 1.5
    words: float = 2.5
    both: float = 0.1
    more_turns: float = 0.35
    """Chance of a further turn, each time."""


def conversation(rng: Random, mix: Mix) -> Conversation:
    """One conversation of one to four turns."""
    chat = Conversation()
    if rng.random() < 0.25:
        chat.next_image = rng.randint(1, 40)
        chat.next_text = rng.randint(1, 40)
    kind = rng.choices(
        ("drawing", "reading", "looking", "words", "both"), (mix.drawing, mix.reading, mix.looking, mix.words, mix.both)
    )[0]
    pictures: list[Picture] = []
    if kind in ("reading", "looking", "both") or rng.random() < 0.12:
        count = rng.choices((1, 2, 3), (10, 2.5, 0.4))[0]
        pictures = [sample_picture(rng, for_reading=kind in ("reading", "both")) for _ in range(count)]
    chat.pictures = list(pictures)
    _offer_tools(chat, rng)
    chat.pictures = []
    if kind == "both" and not (chat.can_draw and chat.can_read):
        kind = "drawing"
    chat.going_on = kind != "both" and rng.random() < mix.more_turns
    _turn(kind, chat, rng, pictures, finish=chat.going_on or rng.random() < 0.35)
    while chat.going_on:
        chat.going_on = len(chat.messages) < 10 and rng.random() < mix.more_turns
        further = rng.choices(
            ("drawing", "reading" if chat.can_read and chat.handles else "words", "words"), (4, 2, 3)
        )[0]
        _turn(further, chat, rng, [], finish=chat.going_on or rng.random() < 0.3)
    return chat


def _turn(kind: str, chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    if kind == "drawing":
        _drawing_turn(chat, rng, pictures, finish=finish)
    elif kind == "reading":
        _reading_turn(chat, rng, pictures, finish=finish)
    elif kind == "looking":
        _looking_turn(chat, rng, pictures)
    elif kind == "both":
        _both_turn(chat, rng, pictures)
    elif pictures:
        request = requests.talking(rng)
        user_says(chat, request.message, pictures, rng)
        says(chat, request.reply)
    else:
        _word_turn(chat, rng)


def copying(rng: Random) -> Conversation:
    """Pure copying: a message of nonsense after "draw", which becomes the prompt, whole or up to a closer."""
    chat = Conversation(tools=[generate_image_schema()] if rng.random() < 0.5 else [])
    words = " ".join(nonsense(rng) if rng.random() < 0.6 else subject(rng) for _ in range(rng.choice((1, 2, 3, 5))))
    closer = rng.choice(("", "", " please", ", thanks", ".", " for me"))
    user_says(chat, f"{rng.choice(('draw', 'Draw', 'paint', 'show me', 'I want'))} {words}{closer}", [], rng)
    calls(chat, GENERATE_IMAGE, {"prompt": words})
    return chat
