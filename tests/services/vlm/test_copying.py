"""An argument is a span of the user's words, whatever the tokenizer and whatever the model would rather write."""

import itertools
import json
import re

import pytest

from services.vlm.copying import CopySource, CopyVocabulary
from services.vlm.words import is_boundary, span_edges

MESSAGES = [
    "Draw an orange cat in a cardboard box, please!",
    'my daughter\'s "t-shirt" with a \\ backslash',
    "ein Käse-Brötchen für 3,50 €, bitte",
    "画一只猫 under a tree",
    "👩‍🚀 on the moon",
    "one",
]


def spans(message: str) -> set[str]:
    """Every span that begins and ends at a boundary, and neither at a space nor at a closing mark."""
    cuts = [i for i in range(len(message) + 1) if is_boundary(message, i)]
    found = {message[i:j] for i in cuts for j in cuts if i < j}
    return {span for span in found if span == span.strip(" .,!")}


@pytest.fixture(scope="module")
def prompt_tools(make_tool):
    paint = make_tool(
        "paint",
        {"prompt": {"type": "string"}, "size": {"type": "integer"}, "negative_prompt": {"type": "string"}},
        ["prompt"],
    )
    style = make_tool("style", {"style": {"type": "string", "enum": ["photo", "ink"]}, "words": {"type": "string"}})
    return [paint, style]


@pytest.mark.parametrize("message", MESSAGES)
def test_free_string_arguments_are_spans_of_the_users_words(copying_engine, ask_at_random, prompt_tools, message):
    allowed = spans(message)
    for seed in range(40):
        answer = ask_at_random(
            copying_engine,
            message,
            tools=prompt_tools,
            tool_choice="required",
            seed=seed,
            max_tokens=800,
            parallel_tool_calls=False,
        )
        (call,) = answer.calls
        arguments = json.loads(call.arguments)
        assert isinstance(arguments.pop("size", 0), int)
        if call.name == "style":
            assert arguments.pop("style") in ("photo", "ink")
        assert arguments
        assert set(arguments.values()) <= allowed, (message, arguments)


def test_the_model_itself_copies(copying_engine, ask, prompt_tools):
    answer = ask(copying_engine, MESSAGES[0], tools=prompt_tools[:1], tool_choice="required", seed=3, max_tokens=300)
    assert answer.calls
    assert all(json.loads(call.arguments)["prompt"] in spans(MESSAGES[0]) for call in answer.calls)


def test_the_words_are_those_of_the_last_user_message_without_handles(copying_engine, ask_at_random, prompt_tools):
    messages = [
        {"role": "user", "content": "paint a whale"},
        {"role": "assistant", "content": "Here it is."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "image_1: "}, {"type": "text", "text": "two  red\nbirds"}],
        },
        {"role": "assistant", "content": "One moment."},
    ]
    seen = set()
    for seed in range(30):
        answer = ask_at_random(
            copying_engine, messages=messages, tools=prompt_tools[:1], tool_choice="required", seed=seed, max_tokens=800
        )
        seen |= {json.loads(call.arguments)["prompt"] for call in answer.calls}
    assert seen <= {"two", "red", "birds", "two red", "red birds", "two red birds"}
    assert len(seen) > 2


def test_without_words_the_constraint_is_off(copying_engine, ask_at_random, make_tool):
    tool = make_tool("paint", {"prompt": {"type": "string", "maxLength": 8}})
    answer = ask_at_random(copying_engine, "  ", tools=[tool], tool_choice="required", seed=1, max_tokens=800)
    assert answer.calls


def test_a_schema_that_no_span_fits_is_still_obeyed(copying_engine, ask_at_random, make_tool):
    tool = make_tool("paint", {"prompt": {"type": "string", "minLength": 9, "maxLength": 12}})
    answer = ask_at_random(
        copying_engine, "owl", tools=[tool], tool_choice="required", seed=1, max_tokens=800, parallel_tool_calls=False
    )
    (call,) = answer.calls
    assert json.loads(call.arguments)["prompt"].startswith("owl")


def test_a_constraint_by_hand_follows_tokens_of_any_cut():
    texts = [b" ", b" a", b" an", b" cat", b"cat", b"c", b"at", b'"', b't"', b'"}}', b'at"}}', b" dog", b"\xff<image>"]
    vocabulary, source = CopyVocabulary(texts), CopySource.of("paint a cat", " ")

    def allowed(state) -> set[bytes]:
        return {texts[i] for i in source.allowed_ids(vocabulary, state)}

    state = source.begin()
    assert allowed(state) == {b" ", b" a", b" cat"}
    state = source.walk(state, b" ")
    assert allowed(state) == {b"cat", b"c"}
    state = source.walk(state, b"c")
    assert allowed(state) == {b"at", b'at"}}'}
    state = source.walk(state, b"at")
    assert allowed(state) == {b'"', b'"}}'}
    assert source.walk(state, b'"').closed


def test_a_span_is_never_empty_and_never_cuts_a_word():
    source = CopySource.of("cat,dog", "")
    begin = source.begin()
    assert source.walk(begin, b'"') is None
    assert source.walk(begin, b'ca"') is None
    assert source.walk(begin, b'at"') is None
    assert source.walk(begin, b'cat"').closed
    assert source.walk(begin, b'cat,dog"').closed


def test_quotes_and_line_breaks_are_written_as_json_wants_them():
    source = CopySource.of('say "hi\\" now', "")
    state = source.walk(source.begin(), json.dumps('say "hi\\" now').encode()[1:])
    assert state.closed
    assert source.walk(source.begin(), b'say"').closed
    assert source.walk(source.begin(), b'say "') is None
    assert source.walk(source.begin(), b'say \\"hi"').closed
    assert source.walk(source.begin(), b'say \\"hi\\"') is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't stop", ["don't", "stop"]),
        ("black-and-white, please", ["black-and-white", ",", "please"]),
        ("'quoted' - dash", ["'", "quoted", "'", "-", "dash"]),
        ("猫猫", ["猫", "猫"]),
        ("naïve cafe\u0301", ["naïve", "cafe\u0301"]),
        ("at 3,50 or 12:30. Or 3.", ["at", "3,50", "or", "12:30", ".", "Or", "3", "."]),
        ("image_1 x2", ["image_1", "x2"]),
    ],
)
def test_words_end_where_a_reader_ends_them(text, words):
    cuts = [i for i in range(len(text) + 1) if is_boundary(text, i)]
    pieces = [text[i:j] for i, j in itertools.pairwise(cuts)]
    assert [piece for piece in pieces if re.search(r"\S", piece)] == words


def test_a_span_neither_begins_nor_ends_with_a_closing_mark():
    text = "Well, a cat. 一只猫。"
    starts, ends = span_edges(text)
    assert not {text[at] for at in starts} & set(",. 。")
    assert not {text[at - 1] for at in ends} & set(",. 。")
    assert not CopySource.of("?!", " ").starts
