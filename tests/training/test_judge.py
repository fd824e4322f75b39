"""The judge of painted pictures: what counts as fulfilled, and that its questions are fair."""

from dataclasses import replace
from random import Random

import pytest

from training.detector_data import spots_of
from training.detector_model import Detection, Sight
from training.evaluate_judge import LOOKS, Wanted, WantedThing, missed, relations, same_look, wanted_of
from training.evaluate_tasks import ALL_TASKS, cases
from training.world import COLOURS, NATURAL, SETTINGS, THING_NAMES, Group, Scene, is_held_out, sample_scene, vary


def sight_of(scene: Scene) -> Sight:
    """What a perfect detector sees."""
    spots = spots_of(scene)
    things = [Detection(s.thing, s.colour, s.x + s.side / 2, s.y + s.side / 2, s.side, 1.0) for s in spots]
    return Sight(scene.setting, tuple(things))


PAIR = Scene("night", (Group("cat", "red"), Group("dog", "blue")), "left of")


@pytest.mark.parametrize("held_out", [False, True])
def test_a_perfect_detector_finds_nothing_wrong_with_any_scene(held_out: bool) -> None:
    rng = Random(3)
    for _ in range(300):
        scene = sample_scene(rng, held_out=held_out)
        assert missed(wanted_of(scene), sight_of(scene)) == frozenset()


def test_a_near_miss_is_always_noticed() -> None:
    rng = Random(4)
    noticed = 0
    for _ in range(400):
        scene = sample_scene(rng)
        other = vary(scene, rng)
        same = (scene.setting, scene.relation) == (other.setting, other.relation)
        alike = [same_look(a.thing, a.colour, b.colour) for a, b in zip(scene.groups, other.groups, strict=False)]
        recoloured = same and [g.thing for g in scene.groups] == [g.thing for g in other.groups]
        if recoloured and all(alike) and [g.count for g in scene.groups] == [g.count for g in other.groups]:
            continue  # a red apple for an apple, or another corner: nothing that the judge asks for
        if scene.relation == other.relation == "next to" and scene.groups == other.groups[::-1]:
            continue  # beside each other either way round
        if {scene.relation, other.relation} == {"left of", "next to"}:
            continue
        noticed += 1
        assert missed(wanted_of(scene), sight_of(other)), (scene, other)
    assert noticed > 200


@pytest.mark.parametrize(
    ("painted", "faults"),
    [
        (PAIR, set()),
        (replace(PAIR, setting="snow"), {"setting"}),
        (replace(PAIR, relation="right of"), {"relation"}),
        (replace(PAIR, relation="on"), {"relation"}),
        (replace(PAIR, groups=(Group("cat", "blue"), Group("dog", "red"))), {"colour"}),
        (replace(PAIR, groups=(Group("cat"), Group("dog", "blue"))), {"colour"}),
        (replace(PAIR, groups=(Group("cat", "red"), Group("fox", "blue"))), {"thing", "relation"}),
        (Scene("night", (Group("cat", "red"),)), {"thing", "relation"}),
    ],
)
def test_every_kind_of_fault_has_its_name(painted: Scene, faults: set[str]) -> None:
    assert missed(wanted_of(PAIR), sight_of(painted)) == faults


@pytest.mark.parametrize(("count", "faults"), [(1, {"count"}), (2, {"count"}), (3, set()), (4, {"count"})])
def test_counts_are_exact(count: int, faults: set[str]) -> None:
    wanted = Wanted((WantedThing("apple", count=3),))
    assert missed(wanted, sight_of(Scene("white", (Group("apple", count=count),)))) == faults


def test_what_is_not_asked_for_is_free_but_no_further_thing_is() -> None:
    wanted = Wanted((WantedThing("cat"),))
    assert not missed(wanted, sight_of(Scene("snow", (Group("cat", "purple", "small", 1, "top left"),))))
    assert missed(wanted, sight_of(PAIR)) == {"thing"}
    assert missed(wanted, Sight("snow", ())) == {"thing"}


def test_both_things_may_be_right_and_the_colours_swapped() -> None:
    wanted = Wanted((WantedThing("cat", "red"), WantedThing("dog", "blue")))
    swapped = replace(PAIR, groups=(Group("cat", "blue"), Group("dog", "red")))
    assert missed(wanted, sight_of(swapped)) == {"colour"}


def test_one_of_several_things_in_another_colour_is_a_fault() -> None:
    red, green = (Detection("star", colour, x, 64, 64, 1) for colour, x in (("red", 32), ("green", 96)))
    assert missed(Wanted((WantedThing("star", "red", 2),)), Sight("white", (red, green))) == {"colour"}


@pytest.mark.parametrize(
    ("thing", "colour", "other", "same"),
    [
        ("apple", NATURAL, "red", True),
        ("apple", "red", NATURAL, True),
        ("apple", NATURAL, "green", False),
        ("apple", "green", "green", True),
        ("rocket", NATURAL, "red", False),
        ("rocket", NATURAL, NATURAL, True),
        ("cat", "orange", "yellow", False),
    ],
)
def test_a_natural_look_has_the_names_that_a_person_would_use(thing: str, colour: str, other: str, same: bool) -> None:
    assert same_look(thing, colour, other) is same


def test_looks_name_things_and_colours_of_the_world() -> None:
    assert set(LOOKS) <= set(THING_NAMES)
    assert all(set(colours) <= set(COLOURS) for colours in LOOKS.values())


@pytest.mark.parametrize(
    ("relation", "holds"),
    [
        ("left of", {"left of", "next to"}),
        ("right of", {"right of", "next to"}),
        ("next to", {"left of", "next to"}),
        ("above", {"above"}),
        ("on", {"above", "on"}),
        ("below", {"below"}),
        ("in", {"in"}),
    ],
)
def test_relations_are_read_off_the_places(relation: str, holds: set[str]) -> None:
    scene = Scene("room", (Group("cat"), Group("basket")), relation)
    by_thing = {thing.thing: thing for thing in sight_of(scene).things}
    assert relations(by_thing["cat"], by_thing["basket"]) == holds


@pytest.mark.parametrize("name", ALL_TASKS)
def test_the_cases_of_a_task_are_fixed_and_fulfilled_by_their_own_scene(name: str) -> None:
    asked = cases(name, 40)
    assert asked == cases(name, 60)[:40]
    assert len({case.prompt for case in asked}) > 30
    for case in asked:
        assert is_held_out(case.scene) is case.held_out
        assert not missed(case.wanted, sight_of(case.scene))
    assert sum(case.held_out for case in asked) == 20


@pytest.mark.parametrize("name", ALL_TASKS)
def test_a_prompt_says_all_that_is_checked(name: str) -> None:
    for case in cases(name, 60):
        for want in case.wanted.things:
            assert not want.colour or want.colour in case.prompt
            assert (
                want.count == 1
                or str(want.count) in case.prompt
                or any(word in case.prompt for word in ("two", "three", "four"))
            )
        if case.wanted.setting in COLOURS:
            assert case.wanted.setting in case.prompt
        assert not case.wanted.setting or case.wanted.setting in SETTINGS
