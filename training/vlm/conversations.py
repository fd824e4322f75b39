"""Whole conversations as the orchestrator sends them, with the turns that the model shall write.

Knows which turns follow each other, and which tools and pictures a conversation has. Does not know tokens or pixels.
"""

from dataclasses import dataclass
from random import Random

from training.phrasings import requests
from training.phrasings.tool_schemas import generate_image_schema, read_text_schema
from training.vlm.chat import PAGE, Conversation, Picture, says, user_says
from training.vlm.function_turns import foreign, function_turn, offer, unfitting_turn
from training.vlm.looking_turns import looking_turn
from training.vlm.painting_turns import both_turn, painting_turn, two_paintings_turn
from training.vlm.reading_turns import page_turn, reading_turn
from training.world import sample_scene

UNFITTING = 0.14
"""How often a wish for a function finds only others."""


@dataclass(frozen=True)
class Mix:
    """How often which first turn comes."""

    drawing: float = 5.0
    reading: float = 1.6
    pages: float = 2.2
    looking: float = 1.0
    words: float = 2.5
    both: float = 0.3
    two: float = 0.25
    functions: float = 4.5
    more_turns: float = 0.3
    """Chance of a further turn, each time."""

    @property
    def weights(self) -> dict[str, float]:
        """Of each first turn."""
        return {name: weight for name, weight in vars(self).items() if name != "more_turns"}


READ_OUT = 0.5
"""How often a reading goes on to its result, besides: all of a text, or one line, is decided only then."""
_WITH_IMAGE = ("reading", "pages", "looking", "both")


def _sample_picture(rng: Random, kind: str) -> Picture:
    """A page mostly when somebody wants to read, a scene mostly when somebody asks what it shows."""
    if kind == "pages":
        return PAGE
    shares = (0.25, 0.6, 0.15) if kind in ("reading", "both") else (0.86, 0.09, 0.05)
    drawn = rng.choices(("scene", PAGE, "strange"), shares)[0]
    return sample_scene(rng) if drawn == "scene" else drawn


def _pictures(rng: Random, kind: str) -> list[Picture]:
    if kind == "functions" or (kind not in _WITH_IMAGE and rng.random() >= 0.12):
        return []
    count = rng.choices((1, 2, 3), (10, 1.5, 0.3))[0]
    return [_sample_picture(rng, kind) for _ in range(count)]


def _offer_tools(chat: Conversation, rng: Random, kind: str, *, image: bool) -> None:
    """Decides which of our tools this conversation has; reading is offered once there is an image."""
    missing = rng.random()
    chat.can_draw = missing >= 0.09
    chat.can_read = (image or rng.random() < 0.3) and missing >= 0.06 and not 0.09 <= missing < 0.12
    if kind == "functions" and rng.random() < 0.5:
        chat.can_draw = chat.can_read = False
    if chat.can_draw:
        chat.tools.append(generate_image_schema())
    if chat.can_read:
        chat.tools.append(read_text_schema([f"image_{chat.next_image}"]))
    if kind != "functions" and rng.random() < 0.08:
        chat.tools += foreign(rng)
        rng.shuffle(chat.tools)


def conversation(rng: Random, mix: Mix) -> Conversation:
    """One conversation of one to a few turns."""
    chat = Conversation()
    if rng.random() < 0.25:
        chat.next_image, chat.next_text = rng.randint(1, 40), rng.randint(1, 40)
    kind = rng.choices(list(mix.weights), list(mix.weights.values()))[0]
    pictures = _pictures(rng, kind)
    _offer_tools(chat, rng, kind, image=bool(pictures))
    if (kind == "both" and not (chat.can_draw and chat.can_read)) or (kind == "two" and not chat.can_draw):
        kind = "drawing"
    chat.going_on = rng.random() < mix.more_turns
    if kind == "functions":
        _functions(chat, rng)
    else:
        _turn(kind, chat, rng, pictures, finish=chat.going_on or rng.random() < 0.35)
    while chat.going_on:
        chat.going_on = len(chat.messages) < 10 and rng.random() < mix.more_turns
        again = "reading" if chat.can_read and chat.handles else "words"
        further = rng.choices(("drawing", again, "words"), (4, 2, 3))[0]
        _turn(further, chat, rng, [], finish=chat.going_on or rng.random() < 0.3)
    return chat


def _functions(chat: Conversation, rng: Random) -> None:
    if rng.random() < UNFITTING:
        unfitting_turn(chat, rng)
        return
    wishes = offer(chat, rng)
    for number, wanted in enumerate(wishes, 1):
        function_turn(chat, rng, wanted, finish=(number == len(wishes) and chat.going_on) or rng.random() < 0.35)


def _turn(kind: str, chat: Conversation, rng: Random, pictures: list[Picture], *, finish: bool) -> None:
    if kind == "drawing":
        painting_turn(chat, rng, pictures, finish=finish)
    elif kind == "two":
        two_paintings_turn(chat, rng, pictures, finish=finish)
    elif kind == "both":
        both_turn(chat, rng, pictures, finish=finish)
    elif kind == "reading":
        reading_turn(chat, rng, pictures, finish=finish or rng.random() < READ_OUT)
    elif kind == "pages":
        page_turn(chat, rng, pictures)
    elif kind == "looking":
        looking_turn(chat, rng, pictures)
    else:
        _word_turn(chat, rng, pictures)


def _word_turn(chat: Conversation, rng: Random, pictures: list[Picture]) -> None:
    """Talk; without any image also questions about one."""
    kind = rng.random()
    if not chat.handles and not pictures and kind < 0.15:
        request = requests.reading_nothing(rng)
    elif not chat.handles and not pictures and kind < 0.22:
        request = requests.looking_at_nothing(rng)
    else:
        request = requests.talking(rng)
    user_says(chat, request.message, pictures, rng)
    says(chat, request.reply)
