"""Edit distance, and where a string stands in a text as nearly as it does."""

from functools import cache
from random import Random

import pytest

from orchestrator.alignment import Place, distance, places


@pytest.mark.parametrize(
    ("first", "second", "least"),
    [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("ab", "ba", 2)],
)
def test_the_edit_distance_of_known_pairs(first, second, least):
    assert distance(first, second) == least


def test_the_edit_distance_agrees_with_its_definition():
    @cache
    def defined(a: str, b: str) -> int:
        if not a or not b:
            return len(a) + len(b)
        return min(defined(a[1:], b) + 1, defined(a, b[1:]) + 1, defined(a[1:], b[1:]) + (a[0] != b[0]))

    rng = Random(1)
    for _ in range(200):
        a, b = ("".join(rng.choices("abc", k=rng.randint(0, 7))) for _ in range(2))
        assert distance(a, b) == defined(a, b), (a, b)


def by_table(first, second):
    above = list(range(len(second) + 1))
    for row, wanted in enumerate(first, start=1):
        here = [row]
        for column, got in enumerate(second, start=1):
            here.append(min(above[column] + 1, here[-1] + 1, above[column - 1] + (wanted != got)))
        above = here
    return above[-1]


def test_the_distance_is_that_of_the_table():
    rng = Random(5)
    for _ in range(500):
        first, second = ("".join(rng.choices("abc", k=rng.randint(0, 70))) for _ in range(2))
        assert distance(first, second) == by_table(first, second)


@pytest.mark.parametrize(
    ("wanted", "text", "most", "found"),
    [
        ("Total", "The Total is", 0, [Place(4, 9, 0)]),
        ("Totel", "The Total is", 1, [Place(4, 9, 1)]),
        ("Totel", "The Total is", 0, []),
        ("12", "112 12.50 12-30 12:15 12", 0, [Place(22, 24, 0)]),
        ("A7K", "A7K-42", 0, []),
        ("4291", "no. 4291, paid", 0, [Place(4, 8, 0)]),
        ("合計", "消費税合計円", 0, [Place(3, 5, 0)]),
        ("", "text", 2, []),
        ("text", "", 2, []),
    ],
)
def test_words_numbers_and_codes_are_found_whole_or_not_at_all(wanted, text, most, found):
    assert places(wanted, text, most) == found


def test_a_string_that_stands_there_nearly_in_two_places_is_found_in_both():
    assert [place.distance for place in places("A7K-4291", "A7K-4298 or A7K-4290", 1)] == [1, 1]


def test_any_line_of_a_page_is_found_whatever_was_mistyped_in_it():
    rng = Random(6)
    words = ["".join(rng.choices("abcdefghijklm", k=rng.randint(3, 9))) for _ in range(400)]
    text = " ".join(words)
    for _ in range(30):
        at = rng.randrange(390)
        wanted = " ".join(words[at : at + 8])
        wrong = list(wanted)
        wrong[rng.randrange(len(wrong))] = "z"
        best, *_ = places("".join(wrong), text, 3)
        assert (text[best.start : best.end], best.distance) == (wanted, 1)
