"""Whatever the weights, a tool call parses and fits its schema."""

import json
import threading

import numpy as np
import pytest

from services.vlm.request import ChatRequest
from shared.errors import InvalidRequest

STYLES = ["photo", "drawing", 'say "hi" / ünïcode']


@pytest.fixture(scope="module")
def tools(make_tool):
    nested = {
        "style": {"type": "string", "enum": STYLES},
        "count": {"type": "integer", "minimum": 1, "maximum": 40},
        "exact": {"type": "boolean"},
        "box": {
            "type": "object",
            "properties": {"left": {"type": "number", "minimum": 0, "maximum": 1}, "tag": {"const": "b"}},
            "required": ["left", "tag"],
        },
        "points": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}, "maxItems": 3},
    }
    optional = {"image": {"enum": ["image_1", "image_2"]}, "note": {"type": "string", "maxLength": 12}}
    return [make_tool("paint", nested), make_tool("read_text", optional, ["image"]), make_tool("stop", {})]


def check(call) -> None:
    arguments = json.loads(call.arguments)
    if call.name == "stop":
        assert arguments == {}
    elif call.name == "read_text":
        assert arguments["image"] in ("image_1", "image_2")
        assert set(arguments) <= {"image", "note"}
        assert len(arguments.get("note", "")) <= 12
    else:
        assert call.name == "paint"
        assert list(arguments) == ["style", "count", "exact", "box", "points"]
        assert arguments["style"] in STYLES
        assert 1 <= arguments["count"] <= 40
        assert isinstance(arguments["exact"], bool)
        assert 0 <= arguments["box"]["left"] <= 1
        assert arguments["box"]["tag"] == "b"
        assert len(arguments["points"]) <= 3
        assert all(0 <= point <= 9 for point in arguments["points"])


def test_a_required_call_always_parses_and_fits_its_schema(engine, ask_at_random, tools):
    names = set()
    for seed in range(300):
        answer = ask_at_random(
            engine, tools=tools, tool_choice="required", seed=seed, max_tokens=800, parallel_tool_calls=False
        )
        assert answer.outcome.finish_reason == "tool_calls"
        assert answer.text == ""
        assert len(answer.calls) == 1
        check(answer.calls[0])
        names.add(answer.calls[0].name)
    assert names == {"paint", "read_text", "stop"}


def test_the_model_itself_writes_calls_that_parse(engine, ask, tools):
    for seed in range(3):
        answer = ask(engine, tools=tools, tool_choice="required", seed=seed, max_tokens=400, parallel_tool_calls=False)
        assert len(answer.calls) == 1
        check(answer.calls[0])


def test_calls_with_plain_text_markers_parse_as_well(plain_marker_engine, ask_at_random, tools):
    for seed in range(60):
        answer = ask_at_random(
            plain_marker_engine,
            tools=tools,
            tool_choice="required",
            seed=seed,
            max_tokens=800,
            parallel_tool_calls=False,
        )
        assert len(answer.calls) == 1
        check(answer.calls[0])


def test_several_calls_come_only_where_they_are_allowed(engine, ask_at_random, tools):
    answers = [
        ask_at_random(engine, tools=tools, tool_choice="required", seed=seed, max_tokens=800) for seed in range(30)
    ]
    assert max(len(answer.calls) for answer in answers) > 1
    assert max(len(answer.calls) for answer in answers) <= 8
    for call in [call for answer in answers for call in answer.calls]:
        check(call)
    assert len({call.id for answer in answers for call in answer.calls}) == sum(len(a.calls) for a in answers)


def test_a_named_tool_choice_gives_that_tool(engine, ask_at_random, tools):
    choice = {"type": "function", "function": {"name": "stop"}}
    for seed in range(20):
        answer = ask_at_random(engine, tools=tools, tool_choice=choice, seed=seed, parallel_tool_calls=False)
        assert [call.name for call in answer.calls] == ["stop"]


def test_auto_gives_text_or_whole_calls_and_the_marker_never_leaks(engine, ask_at_random, tools):
    answers = [ask_at_random(engine, tools=tools, seed=seed, max_tokens=500) for seed in range(100)]
    for answer in answers:
        assert "tool_call>" not in answer.text
        for call in answer.calls:
            check(call)
    assert any(answer.calls for answer in answers)
    assert any(answer.text and not answer.calls for answer in answers)
    assert any(answer.text and answer.calls for answer in answers)


@pytest.mark.parametrize("folder", ["engine", "plain_marker_engine"])
def test_none_never_calls(folder, request, ask_at_random, tools):
    for seed in range(40):
        chosen = request.getfixturevalue(folder)
        answer = ask_at_random(chosen, tools=tools, tool_choice="none", seed=seed, max_tokens=200)
        assert not answer.calls
        assert "<tool_call>" not in answer.text
        assert answer.outcome.finish_reason in ("stop", "length")


def test_a_plain_text_marker_begins_a_call(plain_marker_engine, tools):
    body = {"model": "plain", "messages": [{"role": "user", "content": "x"}], "tools": tools}
    prepared = plain_marker_engine.prepare(ChatRequest.model_validate(body))
    tokenizer = plain_marker_engine.vlm.tokenizer
    for token_id in tokenizer("Well: <tool_call>", add_special_tokens=False)["input_ids"]:
        assert prepared.grammar.allowed()[token_id]
        prepared.grammar.advance(token_id)
    written = [tokenizer.decode([i]) for i in prepared.grammar.allowed().nonzero()[0]]
    assert written
    assert all('{"name": "'.startswith(text.strip()) for text in written)


@pytest.mark.parametrize("gap", ["", " ", "\n"])
def test_a_space_or_newline_around_the_json_is_tolerated(engine, tools, gap):
    body = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "tools": tools, "temperature": 0}
    prepared = engine.prepare(ChatRequest.model_validate(body))
    pieces: list = []
    decoding = engine.decoding(prepared, pieces.append, threading.Event())
    wanted = f'<tool_call>{gap}{{"name": "stop", "arguments": {{}}}}{gap}</tool_call>'.encode()
    texts = [text.removeprefix(b"\xff") for text in decoding.texts]
    while not decoding.over and wanted:
        token_id = max(range(len(texts)), key=lambda i: len(texts[i]) if wanted.startswith(texts[i]) else 0)
        logits = np.zeros(len(texts), dtype=np.float32)
        logits[token_id] = 1
        assert decoding.choose(logits) == token_id
        wanted = wanted[len(texts[token_id]) :]
    decoding.finish()
    assert [(piece.name, piece.arguments) for piece in pieces] == [("stop", "{}")]


@pytest.mark.parametrize(
    "parameters", [{"type": "nonsense"}, {"type": "object", "properties": 3}, {"type": "string"}, {"$ref": "#/nowhere"}]
)
def test_an_unusable_schema_is_refused_with_a_sentence(engine, ask, parameters):
    tool = {"type": "function", "function": {"name": "bad", "parameters": parameters}}
    with pytest.raises(InvalidRequest, match="parameters"):
        ask(engine, tools=[tool], tool_choice="required")
