"""The phrasings: arguments are words of their message, and what is held out is never learned."""

import json
import re
from pathlib import Path
from random import Random

import pytest

from services.vlm.copying import CopySource, escaped
from training.phrasings import requests
from training.phrasings.dressing import punctuate
from training.phrasings.grammar import as_pattern, expand, lines, sections

EVALUATION = Path(__file__).parents[3] / "training/phrasings/evaluation"
HELD_OUT = ("held_out", "held_out_further")
SETS = (*HELD_OUT, "development")


def rows(name: str) -> list[dict]:
    return json.loads((EVALUATION / f"{name}.json").read_text(encoding="utf-8"))


def test_a_drawing_request_contains_its_prompt_and_what_to_avoid():
    rng = Random(1)
    for _ in range(3000):
        request = requests.drawing(rng)
        assert request.prompt and request.prompt in request.message
        assert request.negative_prompt in request.message
        assert not set("\x01\x02\x03\x04[]{}") & set(request.message)


def test_nearly_every_prompt_can_be_written_under_the_copy_constraint():
    rng = Random(2)
    written = 0
    for _ in range(1000):
        request = requests.drawing(rng)
        source = CopySource.of(request.message, " ")
        written += source.walk(source.begin(), b" " + escaped(request.prompt) + b'"') is not None
    assert written >= 990


def test_a_reading_request_names_the_image_that_is_read():
    rng = Random(3)
    handles = ["image_3", "image_4", "image_7"]
    seen = {requests.reading(rng, handles).image for _ in range(200)}
    assert seen == set(handles)
    assert all(requests.reading(rng, ["image_1"]).image == "image_1" for _ in range(50))


def test_every_talking_request_has_an_answer_and_no_tool():
    rng = Random(4)
    for _ in range(500):
        request = requests.talking(rng)
        assert request.message and request.reply
        assert not request.prompt and not request.image


@pytest.mark.parametrize("name", SETS)
def test_expected_prompts_are_spans_of_their_messages(name):
    for row in rows(name):
        for prompt in row.get("prompts", []):
            source = CopySource.of(row["message"], " ")
            assert source.walk(source.begin(), b" " + escaped(prompt) + b'"') is not None, row


def test_there_are_enough_held_out_messages_and_none_is_also_for_development():
    held_out = [row["message"] for name in HELD_OUT for row in rows(name)]
    assert len(set(held_out)) == len(held_out) >= 250
    assert not set(held_out) & {row["message"] for row in rows("development")}


def skeleton(row: dict) -> str:
    """The message as a template would have it: lower case, the prompt as a slot, no final punctuation."""
    text = row["message"]
    for prompt in row.get("prompts", [])[:1]:
        text = text.replace(prompt, "{x}", 1)
    return text.lower().rstrip(" .!?")


def alternatives(names: tuple[str, ...]) -> str:
    return "|".join(as_pattern(line).lower() for name in names for line in lines(name)).replace(r"\ ", " ")


def cores(text: str) -> set[str]:
    """The message without any of the things that the grammar puts before and after, in every way."""
    head = re.compile(f"(?:{alternatives(('openers', 'drawing_preambles', 'reading_preambles'))}) ")
    tail = re.compile(rf"[.!?]*[ ,.;-]+(?:{alternatives(('drawing_closers', 'reading_closers'))})")
    found, fresh = set(), {text}
    while fresh:
        found |= fresh
        stripped = {each[match.end() :] for each in fresh if (match := head.match(each))}
        stripped |= {each[:at] for each in fresh for at in range(1, len(each)) if tail.fullmatch(each[at:])}
        fresh = stripped - found
    return found


def bodies() -> list[re.Pattern[str]]:
    spoken = [line for group in sections("talking").values() for line in group[:-1]]
    looking = [line for group in sections("looking").values() for line in group]
    templates = [*lines("drawing"), *lines("reading"), *spoken, *looking]
    return [re.compile(as_pattern(template).lower().replace(r"\ ", " ")) for template in templates]


def test_patterns_accept_what_the_grammar_makes():
    rng = Random(5)
    for template in lines("drawing"):
        text = expand(template, rng, {"x": "{x}", "d": "{d}"}).lower()
        assert re.fullmatch(as_pattern(template).lower(), text), (template, text)


@pytest.mark.parametrize("name", [*HELD_OUT, "edits"])
def test_the_grammar_does_not_produce_held_out_messages(name):
    patterns = bodies()
    known = [
        row["message"]
        for row in rows(name)
        if any(pattern.fullmatch(core) for core in cores(skeleton(row)) for pattern in patterns)
    ]
    assert known == []


def test_punctuation_is_not_doubled():
    assert punctuate("Really?", Random(1), question=True) == "Really?"
