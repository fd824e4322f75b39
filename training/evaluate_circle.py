"""Closes the circle: paint a prompt, let the VLM describe the picture, compare the scene graphs.

The VLM's description has a fixed wording, so it can be read back into a scene. Next to the painted pictures stand
renders of the same scenes: what is lost there, the VLM lost alone.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from torch import Tensor

from training.clip_data import pixels_of
from training.evaluate_judge import same_look
from training.evaluate_painter import MANY_STEPS, load_brushes
from training.evaluate_tasks import prompt_for
from training.intervals import proportion
from training.phrasings.tool_schemas import generate_image_schema, read_text_schema
from training.vlm.asking import Asker, data_url
from training.vlm.questions import describe, name_group, name_setting
from training.world import COLOURS, NATURAL, RELATIONS, SETTINGS, THING_NAMES, Group, Scene, sample_scene

SEED = 987_654_621
QUESTION = "What do you see in this picture?"
ATTRIBUTES = ("thing", "count", "colour", "relation", "setting")
_TRUE_TOO: dict[str, set[str]] = {
    "left of": {"next to"},
    "right of": {"next to"},
    "next to": {"left of", "right of"},
    "on": {"above"},
}
"""What may also be said of a picture that was asked for with another relation."""
_MIRRORED = {"left of": "right of", "right of": "left of", "above": "below", "below": "above", "next to": "next to"}


@cache
def _words() -> tuple[dict[str, Group], dict[str, str], dict[str, str]]:
    """Groups, relations and settings by the words that a description has for them."""
    groups = [
        Group(thing, colour, count=count)
        for thing in THING_NAMES
        for colour in (NATURAL, *COLOURS)
        for count in (1, 2, 3, 4)
    ]
    cat, star = Group("cat"), Group("star")
    relations: dict[str, str] = {}
    for relation in RELATIONS:
        sentence = describe(Scene("night", (cat, star), relation))
        relations[sentence.split(name_group(cat), 1)[1].split(name_group(star), 1)[0]] = relation
    return {name_group(g): g for g in groups}, relations, {f" {name_setting(s)}.": s for s in SETTINGS}


def parse_description(sentence: str) -> Scene | None:
    """The scene that `describe` would describe so; None for any other sentence."""
    groups, relations, settings = _words()
    begin = describe(Scene("night", (Group("cat"),))).split(name_group(Group("cat")), 1)[0]
    ending = next((words for words in settings if sentence.endswith(words)), None)
    if ending is None or not sentence.startswith(begin):
        return None
    subject = sentence.removeprefix(begin).removesuffix(ending)
    if subject in groups:
        return Scene(settings[ending], (groups[subject],))
    for words, relation in relations.items():
        first, found, second = subject.partition(words)
        if found and first in groups and second in groups:
            return Scene(settings[ending], (groups[first], groups[second]), relation)
    return None


def _same_relation(asked: Scene, told: Scene) -> bool:
    relation = told.relation
    if [g.thing for g in told.groups] == [g.thing for g in asked.groups[::-1]]:
        relation = _MIRRORED.get(relation, "")
    return relation == asked.relation or relation in _TRUE_TOO.get(asked.relation, ())


def agreement(asked: Scene, told: Scene | None) -> dict[str, bool]:
    """For each attribute that the asked scene has, whether the told scene has it alike; "relation" only for pairs."""
    names = [name for name in ATTRIBUTES if name != "relation" or asked.relation]
    if told is None:
        return dict.fromkeys(names, False)
    colours = {group.thing: group.colour for group in told.groups}
    counts = {group.thing: group.count for group in told.groups}
    alike = {
        "thing": {g.thing for g in asked.groups} == set(counts),
        "count": sorted(g.count for g in asked.groups) == sorted(counts.values()),
        "colour": all(g.thing in colours and same_look(g.thing, g.colour, colours[g.thing]) for g in asked.groups),
        "relation": _same_relation(asked, told),
        "setting": asked.setting == told.setting,
    }
    return {name: alike[name] for name in names}


def _described(asker: Asker, pixels: Tensor) -> list[Scene | None]:
    pictures = ((pixels.permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
    return [parse_description(_describe(asker, picture)) for picture in pictures]


def _describe(asker: Asker, picture: np.ndarray) -> str:
    content = [
        {"type": "text", "text": "image_1: "},
        {"type": "image_url", "image_url": {"url": data_url(picture)}},
        {"type": "text", "text": QUESTION},
    ]
    tools = [generate_image_schema(), read_text_schema(["image_1"])]
    return asker.send({"messages": [{"role": "user", "content": content}], "tools": tools}).text.strip()


def _figures(asked: list[Scene], told: Iterable[Scene | None]) -> dict[str, Any]:
    results = [agreement(scene, other) for scene, other in zip(asked, told, strict=True)]
    figures: dict[str, Any] = {"all right": proportion(sum(all(r.values()) for r in results), len(results))}
    for name in ATTRIBUTES:
        outcomes = [result[name] for result in results if name in result]
        figures[name] = proportion(sum(outcomes), len(outcomes))
    return figures


def evaluate_circle(painter: Path, vlm: Path, *, quick: bool = False) -> dict[str, Any]:
    """What the VLM says of painted and of rendered scenes, compared with what was asked for. Half are held out."""
    rng = Random(SEED)
    scenes = [sample_scene(rng, held_out=k % 2 == 1) for k in range(48 if quick else 240)]
    prompts = [prompt_for(scene, rng, relation=True, setting=True) for scene in scenes]
    asker = Asker(vlm)
    painted = load_brushes(painter)[MANY_STEPS].paint(prompts)
    return {
        "painted": _figures(scenes, _described(asker, painted)),
        "rendered": _figures(scenes, _described(asker, pixels_of(scenes))),
    }
