"""What the model writes is cut into text and calls at the right bytes, however it is cut into tokens."""

import json

import pytest

from services.vlm.output import CallPiece, Markers, OutputParser, TextPiece

MARKERS = Markers(begin=b"<tool_call>", end=b"</tool_call>")
CALL = b'<tool_call>{"name": "paint", "arguments": {"prompt": "a \\"cat\\" </tool_call> }{", "n": 1e400}}</tool_call>'


def run(data: bytes, size: int, stops: tuple[str, ...] = (), markers: Markers | None = MARKERS):
    parser = OutputParser(markers, {}, stops)
    pieces = [piece for at in range(0, len(data), size) for piece in parser.feed(data[at : at + size])]
    pieces += parser.finish()
    text = "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
    return text, [piece for piece in pieces if isinstance(piece, CallPiece)], pieces


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_text_then_a_call(size):
    text, calls, _ = run("Ça va 👍: ".encode() + CALL, size)
    assert text == "Ça va 👍: "
    (call,) = calls
    assert call.name == "paint"
    assert call.arguments == '{"prompt": "a \\"cat\\" </tool_call> }{", "n": 1e400}'
    assert json.loads(call.arguments)["prompt"] == 'a "cat" </tool_call> }{'


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_several_calls_with_white_space_between(size):
    text, calls, _ = run(b"  " + CALL + b"\n" + CALL, size)
    assert text == ""
    assert [call.name for call in calls] == ["paint", "paint"]
    assert calls[0].id != calls[1].id


def test_no_half_character_and_no_half_marker_is_let_out():
    parser = OutputParser(MARKERS, {}, ())
    let_out = []
    for byte in "é <tool_ <tool_call".encode():
        let_out += [piece.text for piece in parser.feed(bytes((byte,)))]
    assert "".join(let_out) == "é <tool_ "
    assert "\ufffd" not in "".join(let_out)
    assert "".join(piece.text for piece in parser.finish()) == "<tool_call"


def test_an_unfinished_call_is_dropped():
    text, calls, _ = run(b"Well. " + CALL[:-20], 1)
    assert text == "Well. "
    assert calls == []


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_text_ends_before_a_stop_string(size):
    text, _, pieces = run(b"one two STOP three", size, stops=("STOP", "never"))
    assert text == "one two "
    assert all("S" not in piece.text for piece in pieces)


def test_what_only_looked_like_a_stop_string_comes_out_in_the_end():
    assert run(b"one STO", 1, stops=("STOP",))[0] == "one STO"


def test_without_markers_everything_is_text():
    assert run(CALL, 3, markers=None)[0] == CALL.decode()


def test_white_space_before_the_first_word_is_not_part_of_an_answer():
    assert run(b" \n Hello ", 1)[0] == "Hello "
