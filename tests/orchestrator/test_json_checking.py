"""JSON answers held against what was read: which strings are set right, and that the rest goes out as it is."""

import json

import pytest

from orchestrator.checking import MOST_HELD
from orchestrator.conversation import Conversation
from orchestrator.handles import Piece
from orchestrator.json_checking import JsonChecker, binds_strings
from orchestrator.quoting import ReadTexts
from tests.orchestrator.test_checking import read, shown

LINES = ("Order A7K-4291-X", "Closed on all Mondays", 'He said "no way" to it', "Item B2-100045", "Item B2-100046")


@pytest.fixture
def texts(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_text(read(*LINES), "image_1")
    return ReadTexts(conversation)


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ('{"note": "Closed on all Mondoys"}', '{"note": "Closed on all Mondays"}'),
        ('{"a": ["x", {"b": "Closed on al Mondays"}], "c": 1}', '{"a": ["x", {"b": "Closed on all Mondays"}], "c": 1}'),
        ('["Closed on all Mondoys", "A7K-4297-X"]', '["Closed on all Mondays", "A7K-4291-X"]'),
        ('{"said": "He said \\"ne way\\" to it"}', '{"said": "He said \\"no way\\" to it"}'),
        ('{"said": "He s\\u0061id \\"no wag\\" to it"}', '{"said": "He said \\"no way\\" to it"}'),
        ('"Closed on all Mondoys"', '"Closed on all Mondays"'),
        ('{"Closed on all Mondoys": 1, "A7K-4297-X": {}}', None),
        ('{"kind": "Mondoys", "open": false, "path": "C:\\\\x", "n": 4297}', None),
        ('{"note": "Closed on all Mondays", "order": "A7K-4291-X"}', None),
        ('{"item": "B2-100048", "other": "nothing of the kind"}', None),
        ('{"note": "Closed on all Mondoys', None),
        ("{}", None),
        ("no JSON at all, } ] : ,", None),
    ],
)
def test_a_value_that_quotes_with_errors_is_set_right(texts, said, becomes, size):
    assert shown(JsonChecker(texts, strict=True), said, size) == (becomes or said)
    if becomes:
        json.loads(becomes)


def test_in_other_turns_numbers_and_codes_are_left_alone(texts):
    said = '{"order": "A7K-4297-X", "note": "Closed on all Mondoys"}'
    assert shown(JsonChecker(texts, strict=False), said) == said.replace("Mondoys", "Mondays")


def test_a_value_is_held_until_it_ends_and_all_else_is_not(texts):
    checker = JsonChecker(texts, strict=False)
    assert [piece.text for piece in checker.feed(Piece('{"note": "Closed on', '{"note": "Closed on'))] == ['{"note": "']
    assert checker.feed(Piece(" all", " all")) == []
    assert [piece.text for piece in checker.feed(Piece(' Mondoys", "n', ' Mondoys", "n'))] == [
        'Closed on all Mondays", "n'
    ]


def test_a_long_value_is_let_go(texts):
    checker = JsonChecker(texts, strict=False)
    out = []
    for text in ('{"a": "', "x" * MOST_HELD + "\\", '"yy'):
        out.append("".join(piece.text for piece in checker.feed(Piece(text, text))))
    assert out == ['{"a": "', "", "x" * MOST_HELD + '\\"yy']


def test_exact_text_in_a_value_goes_out_as_it_is(texts):
    checker = JsonChecker(texts, strict=True)
    said = '{"a": "Closed on all Mondoys, '
    exact = Piece("Item B2-100045", "{{text_1:4}}")
    rest = '.", "b": "Closed on all Mondoys"}'
    out = [*checker.feed(Piece(said, said)), *checker.feed(exact), *checker.feed(Piece(rest, rest)), *checker.flush()]
    assert exact in out
    shown = "".join(piece.text for piece in out)
    assert shown == f"{said}Item B2-100045" + rest.replace("Mondoys", "Mondays")


def test_what_was_read_unsurely_sets_nothing_right(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_text(read(*LINES, confidence=0.8), "image_1")
    said = '["Closed on all Mondoys"]'
    assert shown(JsonChecker(ReadTexts(conversation), strict=True), said) == said


@pytest.mark.parametrize(
    ("schema", "binds"),
    [
        ({"type": "json_object"}, False),
        ({"json_schema": {"schema": {"properties": {"a": {"type": "string"}}, "required": ["a"]}}}, False),
        ({"json_schema": {"schema": {"properties": {"a": {"anyOf": [{"enum": ["x"]}, {"type": "null"}]}}}}}, True),
        ({"json_schema": {"schema": {"items": [{"type": "string", "pattern": "^x"}]}}}, True),
    ],
)
def test_a_schema_binds_strings_that_says_what_they_may_be(schema, binds):
    assert binds_strings(schema) is binds
