"""What the painter is asked for: prompts in the words of the world's captions, with the facts that are checked.

The tasks are GenEval's (arXiv 2310.11513) plus setting and containment. Half of each task's cases show a combination
that training never shows. Knows scenes and words. Does not know pixels or models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from training.evaluate_judge import Wanted, WantedThing
from training.world import NATURAL, Group, Scene, sample_scene
from training.world.captions import RELATION_PHRASES, group_phrase, setting_phrase

SETTING_SHARE = 0.85
"""How often a prompt names the setting, as in captions."""


@dataclass(frozen=True)
class Case:
    """A prompt, the scene it was made from, and what its picture must show."""

    prompt: str
    scene: Scene
    wanted: Wanted
    held_out: bool


@dataclass(frozen=True)
class Task:
    """Which scenes a task takes, and which of the facts its name is about: these are checked, besides the things."""

    kind: str
    takes: Callable[[Scene], bool] = lambda _: True
    colours: bool = False
    relation: bool = False
    setting: bool = False


def _coloured(scene: Scene) -> bool:
    return all(group.colour != NATURAL for group in scene.groups)


def _two_colours(scene: Scene) -> bool:
    return _coloured(scene) and scene.groups[0].colour != scene.groups[1].colour


TASKS: dict[str, Task] = {
    "one thing": Task("single"),
    "two things": Task("pair"),
    "counting": Task("count"),
    "colours": Task("single", _coloured, colours=True),
    "position": Task("pair", lambda scene: scene.relation != "next to", relation=True),
    "colour binding": Task("pair", _two_colours, colours=True),
    "setting": Task("single", setting=True),
}
"""The overall score is the mean of these."""
CONTAINMENT = "containment"
ALL_TASKS: dict[str, Task] = TASKS | {CONTAINMENT: Task("in", relation=True)}
_JOINING = ("and", "with", "next to", "beside")


def _said(group: Group, rng: Random) -> str:
    """The group's phrase with its colour: captions sometimes leave it out."""
    while group.colour not in (NATURAL, *(phrase := group_phrase(group, rng)).split()):
        pass
    return phrase if group.colour != NATURAL else group_phrase(group, rng)


def prompt_for(scene: Scene, rng: Random, *, relation: bool, setting: bool) -> str:
    """A caption that leaves out no colour and no count, and the relation or the setting only if told so."""
    words = [_said(scene.groups[0], rng)]
    if scene.relation:
        joining = RELATION_PHRASES[scene.relation] if relation else _JOINING
        words += [rng.choice(joining), _said(scene.groups[1], rng)]
    subject = " ".join(words)
    if not setting:
        return subject
    place = setting_phrase(scene.setting, rng)
    return subject + place if place.startswith(",") else f"{subject} {place}"


def _wanted(scene: Scene, task: Task) -> Wanted:
    things = tuple(WantedThing(g.thing, g.colour if task.colours else "", g.count) for g in scene.groups)
    return Wanted(things, scene.relation if task.relation else "", scene.setting if task.setting else "")


def _case(task: Task, rng: Random, *, held_out: bool) -> Case:
    while not task.takes(scene := sample_scene(rng, {task.kind: 1.0}, held_out=held_out)):
        pass
    says_setting = task.setting or rng.random() < SETTING_SHARE
    prompt = prompt_for(scene, rng, relation=task.relation, setting=says_setting)
    return Case(prompt, scene, _wanted(scene, task), held_out)


def cases(name: str, count: int) -> list[Case]:
    """The first `count` cases of a task, always the same ones; every second one is held out."""
    rng = Random(f"judge {name}")
    return [_case(ALL_TASKS[name], rng, held_out=k % 2 == 1) for k in range(count)]
