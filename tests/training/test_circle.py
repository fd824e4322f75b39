"""The circle: descriptions are read back into the scenes they were made from, and compared."""

from dataclasses import replace
from random import Random

import pytest

from training.evaluate_circle import agreement, parse_description
from training.vlm.questions import describe
from training.world import Group, Scene, sample_scene


def told(scene: Scene) -> Scene:
    """The scene without what a description does not say."""
    groups = tuple(replace(group, size="medium", position="centre") for group in scene.groups)
    return replace(scene, groups=groups)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_description_is_read_back(held_out: bool) -> None:
    rng = Random(1)
    for _ in range(500):
        scene = sample_scene(rng, held_out=held_out)
        assert parse_description(describe(scene)) == told(scene)
        assert all(agreement(scene, told(scene)).values())


@pytest.mark.parametrize(
    "sentence",
    ["", "I can't tell.", "I see a zebra at night.", "I see a cat.", "I see a cat at night and more", "at night."],
)
def test_other_sentences_are_no_scene(sentence: str) -> None:
    assert parse_description(sentence) is None
    assert not any(agreement(Scene("night", (Group("cat"),)), parse_description(sentence)).values())


PAIR = Scene("night", (Group("apple", "red"), Group("dog", "blue")), "left of")


@pytest.mark.parametrize(
    ("described", "wrong"),
    [
        (PAIR, set()),
        (replace(PAIR, setting="snow"), {"setting"}),
        (replace(PAIR, relation="above"), {"relation"}),
        (replace(PAIR, relation="next to"), set()),
        (Scene("night", PAIR.groups[::-1], "right of"), set()),
        (Scene("night", PAIR.groups[::-1], "left of"), {"relation"}),
        (replace(PAIR, groups=(Group("apple"), Group("dog", "blue"))), set()),
        (replace(PAIR, groups=(Group("apple", "blue"), Group("dog", "red"))), {"colour"}),
        (replace(PAIR, groups=(Group("apple", "red"), Group("cat", "blue"))), {"thing", "colour"}),
        (Scene("night", (Group("apple", "red"),)), {"thing", "count", "colour", "relation"}),
        (Scene("night", (Group("apple", "red", count=2),)), {"thing", "count", "colour", "relation"}),
    ],
)
def test_each_attribute_is_compared_alone(described: Scene, wrong: set[str]) -> None:
    assert {name for name, alike in agreement(PAIR, described).items() if not alike} == wrong


def test_a_wrong_number_is_only_a_wrong_number() -> None:
    alike = agreement(Scene("sea", (Group("star", count=3),)), Scene("sea", (Group("star", count=2),)))
    assert alike == {"thing": True, "count": False, "colour": True, "setting": True}
