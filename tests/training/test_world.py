"""The world's scenes, captions, pictures and labels agree with each other."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from training.world import (
    CANVAS,
    COLOURS,
    COUNT_WORDS,
    NATURAL,
    SETTINGS,
    THING_BY_NAME,
    THING_NAMES,
    Group,
    Scene,
    caption,
    is_held_out,
    place,
    render,
    sample_scene,
    vary,
)
from training.world.captions import RELATION_PHRASES, WEAKER_RELATIONS
from training.world.labels import COLOUR_CLASSES, THING_CLASSES, patch_labels
from training.world.scene import STRIDE

HOUSE_EXAMPLE = Scene("blue", (Group("cat", "orange"), Group("cardboard box")), "in")


def test_the_same_seed_gives_the_same_scene_caption_and_picture() -> None:
    def once() -> tuple[Scene, str, bytes]:
        rng = Random(7)
        scene = sample_scene(rng)
        return scene, caption(scene, rng), render(scene).tobytes()

    assert once() == once()


def test_captions_name_every_thing_and_no_wrong_colour() -> None:
    rng = Random(1)
    for _ in range(300):
        scene = sample_scene(rng)
        text = caption(scene, rng)
        for group in scene.groups:
            thing = THING_BY_NAME[group.thing]
            names = (thing.name, *thing.synonyms) if group.count == 1 else (thing.plural,)
            assert any(name in text for name in names), (text, scene)
        told = {colour for colour in COLOURS if f" {colour} " in f" {text.replace(',', ' ').replace('.', ' ')} "}
        true = {scene.setting, *(group.colour for group in scene.groups)}
        assert told <= true | {"green"}, (text, scene)  # "in a green field" is a phrase for grass


def test_captions_tell_the_count_and_the_relation() -> None:
    rng = Random(2)
    for _ in range(300):
        scene = sample_scene(rng)
        text = caption(scene, rng)
        count = scene.groups[0].count
        if count > 1:
            assert str(count) in text or COUNT_WORDS[count] in text
        if scene.relation:
            phrases = RELATION_PHRASES[scene.relation] + WEAKER_RELATIONS.get(scene.relation, ())
            assert any(f" {phrase} " in text for phrase in phrases), (text, scene)


def test_everything_is_drawn_inside_the_picture_on_the_latent_grid() -> None:
    rng = Random(3)
    for _ in range(300):
        for spot in place(sample_scene(rng)):
            assert spot.x % STRIDE == spot.y % STRIDE == spot.side % STRIDE == 0
            assert min(spot.x, spot.y) >= 0
            assert max(spot.x, spot.y) + spot.side <= CANVAS


def test_a_variation_looks_different_in_one_attribute() -> None:
    rng = Random(4)
    for _ in range(200):
        scene = sample_scene(rng)
        other = vary(scene, rng)
        assert other != scene
        changed = sum(a != b for a, b in zip(scene.groups, other.groups, strict=True))
        swapped = other.groups == scene.groups[::-1]
        assert swapped or changed + (scene.setting != other.setting) + (scene.relation != other.relation) == 1


def test_held_out_combinations_come_only_when_they_are_asked_for() -> None:
    rng = Random(5)
    for _ in range(300):
        scene = sample_scene(rng)
        assert not is_held_out(scene)
        assert not is_held_out(vary(scene, rng))
        unseen = sample_scene(rng, held_out=True)
        assert is_held_out(unseen)
        assert vary(unseen, rng) != unseen


def test_a_thing_in_a_box_is_behind_the_front_of_the_box() -> None:
    picture = render(HOUSE_EXAMPLE).astype(int)
    empty = render(replace(HOUSE_EXAMPLE, groups=(Group("cat", "orange"), Group("cardboard box", "white"))))
    box_only_rows = picture[100:116, 40:88]
    assert np.abs(box_only_rows - empty[100:116, 40:88]).mean() > 30
    assert np.abs(picture[16:40, 48:80] - empty[16:40, 48:80]).mean() < 1


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_thing_of_another_colour_can_be_told_from_its_background(setting: str) -> None:
    colour = "white" if setting in ("black", "night") else "black"
    with_thing = render(Scene(setting, (Group("star", colour, "large"),))).astype(int)
    without = render(Scene(setting, (Group("star", colour, "small", position="top left"),))).astype(int)
    assert np.abs(with_thing - without)[48:80, 48:80].mean() > 20


def test_patch_labels_show_the_thing_and_its_colour_where_it_stands() -> None:
    things, colours = patch_labels(HOUSE_EXAMPLE)
    assert things.shape == colours.shape == (64,)
    cat, box = THING_CLASSES.index("cat"), THING_CLASSES.index("cardboard box")
    grid = things.reshape(8, 8)
    assert grid[2, 4] == cat
    assert grid[6, 4] == box
    assert grid[0, 0] == 0
    assert colours.reshape(8, 8)[2, 4] == COLOUR_CLASSES.index("orange")
    assert colours.reshape(8, 8)[6, 4] == COLOUR_CLASSES.index(NATURAL)


def test_every_thing_has_a_picture() -> None:
    for name in THING_NAMES:
        assert render(Scene("grey", (Group(name, NATURAL, "large"),))).std() > 5


def test_two_groups_without_a_relation_are_refused() -> None:
    with pytest.raises(ValueError, match="relation"):
        Scene("red", (Group("cat"), Group("dog")))
