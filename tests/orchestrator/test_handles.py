"""Exact text in place of handles, however the answer is cut into pieces."""

import pytest

from orchestrator.conversation import Conversation
from orchestrator.handles import Exact, HandleFilter, Piece, fenced
from orchestrator.items import ToolResult
from shared.text_jobs import TextLine, TextRead

LINES = ("first line", "second ``` line", "third")
READ = TextRead(
    lines=tuple(TextLine(text=text, box=(0, 0, 1, 1), confidence=1) for text in LINES),
    width=1,
    height=1,
    engine="e",
    seconds=0,
)


@pytest.fixture
def resolve(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_text(READ, "image_1")
    made = conversation.add_picture(f"{0:064x}.png", unknown_words=("zeppelin", "moat"))
    conversation.append(ToolResult(call_id="call_1", output="{}", picture=made))
    conversation.add_image(f"{1:064x}.png")
    return lambda match: None if (text := conversation.resolve(match)) is None else Exact(text)


def filtered(resolve, text, size):
    shown = HandleFilter(resolve)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return "".join(each.text for piece in pieces for each in shown.feed(piece)) + last(shown)


def last(shown):
    return "".join(piece.text for piece in shown.flush())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain text with { braces } and {{ more }}", "plain text with { braces } and {{ more }}"),
        ("It says:\n\n{{text_1}}", "It says:\n\n" + fenced(READ.text)),
        ("{{text_1:2}}\nend", fenced(LINES[1]) + "\nend"),
        ("The third is “{{text_1:3}}”.", "The third is “third”."),
        ("{{ text_1:1-2 }} twice {{text_1:3}}", "first line\nsecond ``` line twice third"),
        ("{{text_9}} and {{image_1}}", "{{text_9}} and {{image_1}}"),
        ("It knows no {{image_1:unknown}}.", "It knows no “zeppelin” and “moat”."),
        ("It knows {{image_2:unknown}}.", "It knows {{image_2:unknown}}."),
        ("{{text_1", "{{text_1"),
        ("ends with {", "ends with {"),
        ("{{{text_1:3}}}", "{third}"),
    ],
)
def test_handles_become_exact_text_and_all_else_stays(resolve, written, shown, size):
    assert filtered(resolve, written, size) == shown


def test_ordinary_text_is_not_held_back(resolve):
    shown = HandleFilter(resolve)
    assert shown.feed("hello ") == [Piece("hello ", "hello ")]
    assert shown.feed("{") == []
    assert shown.feed("x") == [Piece("{x", "{x")]


def test_a_fence_is_longer_than_any_in_the_text():
    assert fenced("a ```` b").startswith("`````text\n")
