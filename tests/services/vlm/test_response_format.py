"""Whatever the weights, an answer under a response format is JSON that validates."""

import json

import jsonschema
import pytest

from services.vlm.request import parse_request
from shared.errors import InvalidRequest

WORD = {"type": "string", "maxLength": 6}
SCHEMAS = {
    "flat": {"type": "object", "properties": {"a": WORD, "n": {"type": "integer"}}, "required": ["a", "n"]},
    "bounds": {
        "type": "object",
        "properties": {"n": {"type": "number", "minimum": 0, "maximum": 1}},
        "required": ["n"],
    },
    "enum": {"type": "object", "properties": {"c": {"enum": ["red", "grün", 'a "b"']}}, "required": ["c"]},
    "optional": {"type": "object", "properties": {"a": WORD, "b": {"type": ["boolean", "null"]}}},
    "nested": {
        "type": "object",
        "properties": {
            "boxes": {
                "type": "array",
                "items": {"$ref": "#/$defs/box"},
                "minItems": 1,
                "maxItems": 3,
            }
        },
        "required": ["boxes"],
        "$defs": {
            "box": {
                "type": "object",
                "properties": {
                    "x": {"type": "integer", "minimum": 0, "maximum": 999},
                    "of": {"anyOf": [WORD, {"type": "null"}]},
                },
                "required": ["x", "of"],
                "additionalProperties": False,
            }
        },
    },
    "pattern": {
        "type": "object",
        "properties": {"d": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"}},
        "required": ["d"],
    },
    "array": {"type": "array", "items": {"type": "boolean"}, "maxItems": 4},
}
TOOL = {"type": "function", "function": {"name": "stop", "parameters": {"type": "object", "properties": {}}}}


def of(schema):
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_an_answer_fits_its_schema(engine, ask_at_random, schema):
    for seed in range(20):
        answer = ask_at_random(engine, response_format=of(schema), seed=seed, max_tokens=700)
        assert answer.outcome.finish_reason == "stop"
        jsonschema.validate(json.loads(answer.text), schema)


def test_the_model_itself_writes_what_fits(engine, ask):
    for seed in range(3):
        answer = ask(engine, response_format=of(SCHEMAS["nested"]), seed=seed, max_tokens=700)
        jsonschema.validate(json.loads(answer.text), SCHEMAS["nested"])


def test_a_whole_number_without_bounds_is_one_that_every_reader_of_json_takes_for_the_same(engine, ask_at_random):
    schema = {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3}
    numbers = []
    for seed in range(20):
        answer = ask_at_random(engine, response_format=of(schema), seed=seed, max_tokens=700)
        numbers += json.loads(answer.text)
    assert max(map(abs, numbers)) <= 2**53 - 1
    assert max(map(abs, numbers)) > 2**31


def test_properties_that_were_not_asked_for_are_not_invented(engine, ask_at_random):
    for seed in range(20):
        answer = ask_at_random(engine, response_format=of(SCHEMAS["optional"]), seed=seed, max_tokens=300)
        assert set(json.loads(answer.text)) <= {"a", "b"}


def test_a_json_object_is_one(engine, ask_at_random):
    whole = 0
    for seed in range(20):
        answer = ask_at_random(engine, response_format={"type": "json_object"}, seed=seed, max_tokens=700)
        if answer.outcome.finish_reason == "stop":
            whole += isinstance(json.loads(answer.text), dict)
    assert whole > 0


@pytest.mark.parametrize("folder", ["engine", "plain_marker_engine"])
def test_with_tools_an_answer_is_calls_or_the_document_and_never_both(folder, request, ask_at_random):
    chosen, kinds = request.getfixturevalue(folder), set()
    for seed in range(40):
        answer = ask_at_random(chosen, response_format=of(SCHEMAS["flat"]), tools=[TOOL], seed=seed, max_tokens=700)
        assert bool(answer.calls) != bool(answer.text)
        kinds.add(bool(answer.calls))
        if answer.text:
            jsonschema.validate(json.loads(answer.text), SCHEMAS["flat"])
    assert kinds == {True, False}


@pytest.mark.parametrize("folder", ["engine", "plain_marker_engine"])
def test_a_string_that_looks_like_a_call_stays_a_string(folder, request, ask_at_random):
    schema = {"type": "object", "properties": {"a": {"enum": ["<tool_call>{}</tool_call>"]}}, "required": ["a"]}
    texts = set()
    for seed in range(10):
        answer = ask_at_random(
            request.getfixturevalue(folder), response_format=of(schema), tools=[TOOL], seed=seed, max_tokens=300
        )
        texts.add(answer.text)
    assert '{"a": "<tool_call>{}</tool_call>"}' in texts
    assert texts <= {"", '{"a": "<tool_call>{}</tool_call>"}'}


def test_a_choice_that_requires_a_call_gets_the_call(engine, ask_at_random):
    fields = {"response_format": of(SCHEMAS["flat"]), "tools": [TOOL], "parallel_tool_calls": False}
    answer = ask_at_random(engine, tool_choice="required", seed=1, **fields)
    assert [call.name for call in answer.calls] == ["stop"]
    answer = ask_at_random(engine, tool_choice="none", seed=1, max_tokens=300, **fields)
    jsonschema.validate(json.loads(answer.text), SCHEMAS["flat"])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "#/nowhere"},
        {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}},
        {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        {"not": {"type": "string"}},
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused_with_a_sentence(engine, ask, schema):
    for tools in (None, [TOOL]):
        with pytest.raises(InvalidRequest, match="response_format") as refused:
            ask(engine, response_format=of(schema), tools=tools)
        assert refused.value.param == "response_format"


@pytest.mark.parametrize(
    "given", [{"type": "xml"}, {"type": "json_schema"}, {"type": "json_schema", "json_schema": {"name": "a b"}}, {}]
)
def test_a_response_format_that_is_none_is_refused(given):
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "response_format": given}
    with pytest.raises(InvalidRequest, match="response_format"):
        parse_request(json.dumps(body).encode())
