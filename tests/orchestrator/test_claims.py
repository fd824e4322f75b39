"""What a sentence says that stands in a picture."""

import pytest

from orchestrator.claims import claims, sentence_end


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The sign says “Open daily” and costs 24.99 EUR.", ["Open daily", "24.99"]),
        ("It says OPEN on a red wall.", ["OPEN"]),
        ("The code is A7K-4291.", ["A7K-4291"]),
        ("It reads: Closed on Mondays. Come back.", ["Closed on Mondays"]),
        ("The name is Anna Berg.", ["Anna Berg"]),
        ("> quoted line\nnext", ["quoted line"]),
        ("```text\nTotal 12\n\nx\n```\nok", ["Total 12", "x"]),
        ("it's 'The End', isn't it", ["The End"]),
        ("call 0800/123-456, please", ["0800/123-456"]),
        ("paid $42.10 (12 %)", ["42.10", "12"]),
        ('an "unclosed quote\nand more', ["unclosed quote"]),
        ("a cat on a red mat", []),
        ("see line 7, lines 3 to 5, and image_1", []),
        ("1. first\n2. second", []),
        ("I cannot tell what it says.", []),
        ("{{text_4:3}} and text_1:2-3", []),
    ],
)
def test_quotes_numbers_and_codes_are_claims(text, found):
    assert [text[claim.start : claim.end] for claim in claims(text)] == found


def test_what_is_said_of_a_quote_stands_behind_its_closing_mark():
    text = "It says “OPEN”."
    (claim,) = claims(text)
    assert text[claim.after :] == "."


@pytest.mark.parametrize(
    ("text", "ends"),
    [("It costs 4.50 now. And", 18), ("Not yet", None), ("Line\nnext", 5), ("Is it? Yes", 6), ("也许。是", 3)],
)
def test_a_sentence_ends_with_its_mark_and_not_within_a_number(text, ends):
    assert sentence_end(text, 0) == ends
