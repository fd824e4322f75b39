"""Short exercises in copying and finding: what everything else needs, without its words.

Knows nonsense, labels and made-up functions. Does not know what people say.
"""

from random import Random

from training.phrasings.composed import composed_wish, fits_too
from training.phrasings.function_splits import shows_held_out
from training.phrasings.functions import Wish
from training.phrasings.grammar import lines
from training.phrasings.pages import Page
from training.phrasings.subjects import nonsense, subject
from training.phrasings.tool_schemas import GENERATE_IMAGE, generate_image_schema
from training.vlm.chat import Conversation, calls, says, user_says
from training.vlm.reading_turns import line_answer, tell


def drill(rng: Random) -> Conversation:
    """A random exercise."""
    return rng.choices((_copying, _finding_lines, _finding_functions), (2, 2, 3))[0](rng)


def _copying(rng: Random) -> Conversation:
    """A message of nonsense after "draw" becomes the prompt."""
    chat = Conversation(tools=[generate_image_schema()])
    words = " ".join(nonsense(rng) if rng.random() < 0.6 else subject(rng) for _ in range(rng.choice((1, 2, 3, 5))))
    closer = rng.choice(("", "", " please", ", thanks", ".", " for me"))
    user_says(chat, f"{rng.choice(('draw', 'Draw', 'paint', 'show me', 'I want'))} {words}{closer}", [], rng)
    calls(chat, (GENERATE_IMAGE, {"prompt": words}))
    return chat


def _finding_lines(rng: Random) -> Conversation:
    """A short text; one of its words is said, and the line that has it is wanted."""
    chat = Conversation(next_text=rng.randint(1, 9))
    count = rng.randint(2, 9)
    words = [nonsense(rng) if rng.random() < 0.4 else rng.choice(lines("nouns")) for _ in range(count)]
    styles = [rng.choice((str, str, str, str.capitalize, str.upper)) for _ in words]
    values = [rng.choice((str(rng.randint(1, 999)), nonsense(rng), "")) for _ in words]
    shown = Page([f"{style(word)} {said}".strip() for word, style, said in zip(words, styles, values, strict=True)])
    text = tell(chat, shown, rng)
    for at in rng.sample(range(count), min(count, 5)):
        user_says(chat, rng.choice(("{}", "the {}", "{}?", "what is the {}")).format(words[at]), [], rng)
        says(chat, line_answer(text, at + 1, at + 1, rng))
    return chat


def _made_up(rng: Random) -> Wish:
    while shows_held_out(wanted := composed_wish(rng)):
        pass
    return wanted


def _finding_functions(rng: Random) -> Conversation:
    """Made-up functions, all of them wished for in turn."""
    wishes: list[Wish] = []
    for _ in range(rng.randint(1, 4)):
        wanted = _made_up(rng)
        if not any(fits_too(wanted.function, each.function) for each in wishes):
            wishes.append(wanted)
    chat = Conversation(tools=[wanted.function for wanted in wishes])
    rng.shuffle(wishes)
    for wanted in wishes:
        user_says(chat, wanted.message, [], rng)
        calls(chat, (wanted.function["function"]["name"], wanted.arguments))
    return chat
