"""Which words a prompt wants in its picture, and what is left of it for the painter."""

import time

import pytest

from orchestrator.wanted_words import completed, wanted_words


@pytest.mark.parametrize(
    ("prompt", "text", "rest"),
    [
        ('a sign that says "OPEN"', "OPEN", "a sign"),
        ("a sign that says OPEN", "OPEN", "a sign"),
        ("a mug with the words 'Good morning'", "Good morning", "a mug"),
        ('a cat with the text "Hello World"', "Hello World", "a cat"),
        ("a red apple with the words OPEN", "OPEN", "a red apple"),
        ("a red apple with the words OPEN on it, on the beach", "OPEN", "a red apple, on the beach"),
        ('a poster titled "JAWS"', "JAWS", "a poster"),
        ('an orange cat in a box labelled "FRAGILE" at night', "FRAGILE", "an orange cat in a box at night"),
        ("a cake with “Happy Birthday” on it", "Happy Birthday", "a cake"),
        ('"OPEN" written on a wall', "OPEN", "a wall"),
        ('a pizza, with "YUM" written across it, on grass', "YUM", "a pizza, on grass"),
        ("a sign that says 'it's open'", "it's open", "a sign"),
        ("a flag that reads „Grüße“", "Grüße", "a flag"),
        ("a sign that says «Привет»", "Привет", "a sign"),
        ("a shop sign 「営業中」", "営業中", "a shop sign"),
        ('a t-shirt saying "I ♥ NY"', "I ♥ NY", "a t-shirt"),
        ('a bottle with a label that reads "No. 5"', "No. 5", "a bottle with a label"),
        ('a neon sign: "BAR"', "BAR", "a neon sign"),
        ("a banner “Grand Opening!” over a door", "Grand Opening!", "a banner over a door"),
        ("a sign that reads EXIT 24 H and a green door", "EXIT 24 H", "a sign and a green door"),
        ("a sign reading Keep Off the Grass in the park", "Keep Off the Grass", "a sign in the park"),
        ("a mug that says Good morning on a table", "Good morning", "a mug on a table"),
        ("a note that says: buy milk", "buy milk", "a note"),
        ("a heart with the text I love you", "I love you", "a heart"),
        ("a plate with the number 7", "7", "a plate"),
        ("the word STOP on a white wall", "STOP", "a white wall"),
        ('the word "HELLO"', "HELLO", "a plain background"),
        ("make the sign say OPEN", "OPEN", "make the sign"),
        ('make the sign say "open late"', "open late", "make the sign"),
        ("change the sign to say Sold Out", "Sold Out", "change the sign"),
        ("a wooden sign, make the sign read EXIT 4", "EXIT 4", "a wooden sign, make the sign"),
        ('a shop door, change the text to "CLOSED"', "CLOSED", "a shop door"),
        ("change the words on the door to CLOSED", "CLOSED", "a plain background"),
        ('replace the text with "Hi"', "Hi", "a plain background"),
        ('write "SALE" on the red door', "SALE", "the red door"),
    ],
)
def test_words_are_taken_out_of_the_prompt(prompt, text, rest):
    wanted = wanted_words(prompt)
    assert wanted is not None
    assert (wanted.text, wanted.rest) == (text, rest)
    assert (wanted.position, wanted.colour) == ("calm", None)


@pytest.mark.parametrize(
    ("prompt", "text", "rest"),
    [
        ('a sign that says "OPEN" and a mug that says "TEA"', "OPEN\nTEA", "a sign and a mug"),
        ('a sign that says "OPEN" and "24 H"', "OPEN\n24 H", "a sign"),
    ],
)
def test_several_are_lines_below_each_other(prompt, text, rest):
    wanted = wanted_words(prompt)
    assert (wanted.text, wanted.rest) == (text, rest)


@pytest.mark.parametrize(
    ("prompt", "position", "colour"),
    [
        ('a dog with the title "BEST DOG" at the top', "top", None),
        ('a moon with the words "good night" at the bottom', "bottom", None),
        ('a moon with the words "good night" in the middle', "centre", None),
        ("the word STOP in big red letters on a wall", "calm", "#ff0000"),
        ('a cat with the text "MEOW" in yellow letters at the top', "top", "#ffff00"),
        ('a hill with the text "UP" at the top of the hill', "calm", None),
    ],
)
def test_a_place_and_a_colour_of_the_words_are_kept(prompt, position, colour):
    wanted = wanted_words(prompt)
    assert (wanted.position, wanted.colour) == (position, colour)


@pytest.mark.parametrize(
    "prompt",
    [
        "a red apple on the beach",
        "a girl reading a book",
        "a cat in a box reading a newspaper",
        "a man who says goodbye",
        'a "red" apple',
        '"HELLO"',
        "a sign that says a lot about you",
        "a wall of text",
        "make the cat say hello",
        "a girl with a book read by the fire",
        "change the text to something nicer",
        "write it on the wall",
        "a book with the words of wisdom",
        "a screenshot of the word processor",
        "a wall with the letters floating in the air",
        "the rock 'n' roll singer's dog",
        'a 5" pizza and a 7" pizza',
        'a sign that says ""',
        f'a sign that says "{"x" * 301}"',
        "a sign that says " + "word " * 900,
        "",
    ],
)
def test_all_other_prompts_want_none(prompt):
    assert wanted_words(prompt) is None


@pytest.mark.parametrize(
    "prompt",
    ["'" * 4000, '"' * 4000, "“" * 4000, "a sign that says " * 230, "with the words " * 260, "A " * 2000, "A-" * 2000,
     "the word " * 440, " " * 4000, "in a b " * 570, '"a" in x y z ' * 300, "' a" * 1300],
)  # fmt: skip
def test_no_prompt_takes_long(prompt):
    began = time.perf_counter()
    wanted_words(prompt)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("prompt", "said", "whole"),
    [
        ("a cake with the words “", "draw a cake with the words “Hi you” now", "a cake with the words “Hi you”"),
        ('a sign that says "Hi, José', 'draw a sign that says "Hi, José!" please', 'a sign that says "Hi, José!"'),
        ('a sign that says "OPEN"', 'draw a sign that says "OPEN" on a wall', 'a sign that says "OPEN"'),
        ("a red apple", 'draw a red apple with the words "OPEN"', "a red apple"),
        ("a green apple", 'draw a red apple with the words "OPEN"', "a green apple"),
    ],
)  # fmt: skip
def test_a_prompt_that_broke_off_within_quotes_is_completed_from_what_was_said(prompt, said, whole):
    assert completed(prompt, said) == whole
