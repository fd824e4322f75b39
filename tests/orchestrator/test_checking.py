"""Answers held against what was read: what is corrected, marked and held, and what supports it."""

import pytest

from orchestrator.checking import MOST_HELD, NOT_CHECKED, NOT_READ, UNSURE, Checker
from orchestrator.conversation import Conversation
from orchestrator.handles import Piece
from orchestrator.quoting import ReadTexts
from shared.text_jobs import TextLine, TextRead

LINES = ("Order A7K-4291-X", "Total 42.16 EUR", "Closed on Mondays", "Item B2-100045", "Item B2-100046")


def read(*lines, confidence=0.99):
    made = tuple(TextLine(text=text, box=(0, n, 9, n + 1), confidence=confidence) for n, text in enumerate(lines, 1))
    return TextRead(lines=made, width=9, height=9, engine="quick", seconds=0)


@pytest.fixture
def texts(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_text(read(*LINES), "image_1")
    return ReadTexts(conversation)


@pytest.fixture
def nothing(store):
    return ReadTexts(Conversation(store, max_images=4))


def checked(checker, text, size=3):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    out = [each for piece in pieces for each in checker.feed(Piece(piece, piece))]
    return [*out, *checker.flush()]


def shown(checker, text, size=3):
    return "".join(piece.text for piece in checked(checker, text, size))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ("It is a plain page with nothing to check.", None),
        ("The order is A7K-4291-X. It costs 42.16 EUR.", None),
        ("It says “Closed on Mondays”, does it not?", None),
        ("It says “closed on mondays”.", None),
        ("It says “Closed on Mondoys”.", "It says “Closed on Mondays”."),
        ("The order is A7K-4297-X.", "The order is A7K-4291-X."),
        ("It has item B2-100048 too.", f"It has item B2-100048{NOT_READ} too."),
        ("The total is 42.10.", f"The total is 42.10{NOT_READ}."),
        ("It says “Open daily”.", f"It says “Open daily”{NOT_READ}."),
        ("> Total 42.16 EUR\n> Tip 3.00\n", f"> Total 42.16 EUR\n> Tip 3.00{NOT_READ}\n"),
        ("```\nTotal 42.16 EUR\n```\nThat is all.", None),
        ("I read 5 lines. Line 2 has the total.", None),
        ("It was sunny, 21 degrees.", None),
    ],
)
def test_each_claim_is_right_corrected_or_marked_however_it_comes(texts, said, becomes, size):
    checker = Checker(texts, strict=True, known='{"degrees": 21}')
    assert shown(checker, said, size) == (becomes or said)


def test_where_nothing_could_be_read_every_claim_is_marked_as_unchecked(nothing):
    said = shown(Checker(nothing, strict=True), "It says “OPEN”. The code is K-42.")
    assert said == f"It says “OPEN”{NOT_CHECKED}. The code is K-42{NOT_CHECKED}."


@pytest.mark.parametrize(
    ("said", "becomes"),
    [
        ("You asked for “Open daily” and 12 cats.", None),
        ("It says “Closed on Mondoys”.", "It says “Closed on Mondays”."),
        ("The total is 42.10.", None),
    ],
)
def test_in_other_turns_only_quotes_are_corrected_and_nothing_is_marked(texts, said, becomes):
    assert shown(Checker(texts, strict=False), said) == (becomes or said)


def test_what_was_read_unsurely_corrects_nothing_and_is_not_relied_on(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_text(read("Closed on Mondoys", confidence=0.7), "image_1")
    said = shown(Checker(ReadTexts(conversation), strict=True), "It says “Closed on Mondays” or “Mondoys”.")
    assert said == f"It says “Closed on Mondays”{NOT_READ} or “Mondoys”{UNSURE}."


@pytest.mark.parametrize(("lines", "unsure"), [(("E",), {1}), (("5", "3 x"), set()), (("A sign",), set())])
def test_one_or_two_characters_alone_are_no_reading(lines, unsure):
    assert read(*lines).unsure == unsure


def test_what_supports_a_quote_comes_with_its_piece(texts):
    pieces = checked(Checker(texts, strict=True), "So “Closed on Mondoys” and 42.16 it is.", 1000)
    (piece,) = [piece for piece in pieces if piece.quotes]
    first, second = piece.quotes
    assert piece.text[first.start : first.end] == "Closed on Mondays"
    assert (first.image, first.text, first.lines, first.boxes) == ("image_1", "text_1", (3,), ((0, 3, 9, 4),))
    assert (first.error_rate, first.written) == (round(1 / 17, 4), "Closed on Mondoys")
    assert piece.text[second.start : second.end] == "42.16"
    assert (second.lines, second.error_rate, second.written) == ((2,), 0, None)


def test_a_quote_over_two_lines_names_both(texts):
    (quote,) = (q for piece in checked(Checker(texts, strict=False), "“42.16 EUR Closed on” ") for q in piece.quotes)
    assert quote.lines == (2, 3)


def test_other_text_goes_out_at_once_and_a_claim_when_its_sentence_has_ended(texts):
    checker = Checker(texts, strict=True)
    assert checker.feed(Piece("A sunny page, ", "A sunny page, ")) == [Piece("A sunny page, ", "A sunny page, ")]
    assert "".join(piece.text for piece in checker.feed(Piece("with 42.16 on ", "with 42.16 on "))) == "with "
    assert checker.feed(Piece("it", "it")) == []
    assert "".join(piece.text for piece in checker.feed(Piece(". And ", ". And "))).startswith("42.16 on it.")


def test_what_was_set_by_handle_is_not_checked_again(texts):
    exact = Piece("Anything 99", "{{text_1}}")
    assert Checker(texts, strict=True).feed(exact) == [exact]


def test_nothing_is_held_for_ever(texts):
    checker = Checker(texts, strict=True)
    out = checker.feed(Piece("7 " + "word " * MOST_HELD, "7 " + "word " * MOST_HELD))
    assert "".join(piece.text for piece in out).startswith(f"7{NOT_READ} word")
