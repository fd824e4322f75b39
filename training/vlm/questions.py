"""Questions about a picture and their true answers, from the scene graph.

Knows scenes and the answers' fixed wording. Does not know pixels.
"""

from dataclasses import dataclass
from random import Random

from training.phrasings.dressing import dress, wrap
from training.phrasings.grammar import expand, sections
from training.phrasings.requests import image_words, looking_words
from training.world import COUNT_WORDS, NATURAL, THING_BY_NAME, THING_NAMES, Group, Scene

PAGE_ANSWER = "It looks like a page of text. Ask me to read it and you get the exact words."
STRANGE_ANSWER = "I can't tell what this is: I only know simple pictures."
UNKNOWABLE_ANSWER = "I can't tell."
_PLACES = {
    "night": "at night",
    "sunset": "at sunset",
    "beach": "on a beach",
    "snow": "in the snow",
    "grass": "on the grass",
    "sea": "at sea",
    "room": "in a room",
}
_RELATIONS = {"left of": "to the left of", "right of": "to the right of"}
_QUESTION_WEIGHTS = {"what": 8, "count": 3, "count_any": 1, "colour": 3, "colour_any": 1, "present": 3, "where": 2}
_QUESTION_WEIGHTS |= {"beside": 1, "background": 2, "unknowable": 1}


@dataclass(frozen=True)
class Question:
    """A message about a picture, its kind, and the answer."""

    kind: str
    message: str
    answer: str


def _a(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def name_group(group: Group, *, article: bool = True) -> str:
    """For example "an orange cat", "two red apples", or without article "orange cat"."""
    thing = THING_BY_NAME[group.thing]
    words = thing.plural if group.count > 1 else thing.name
    if group.colour != NATURAL:
        words = f"{group.colour} {words}"
    if group.count > 1:
        return f"{COUNT_WORDS[group.count]} {words}"
    return _a(words) if article else words


def name_setting(setting: str) -> str:
    """For example "at night" or "on a blue background"."""
    return _PLACES.get(setting) or f"on {_a(setting)} background"


def describe(scene: Scene) -> str:
    """The one sentence that says everything but the size and the corner."""
    words = name_group(scene.groups[0])
    if scene.relation:
        relation = _RELATIONS.get(scene.relation, scene.relation)
        words = f"{words} {relation} {name_group(scene.groups[1])}"
    return f"I see {words} {name_setting(scene.setting)}."


def _count_answer(thing: str, scene: Scene) -> str:
    count = sum(group.count for group in scene.groups if group.thing == thing)
    words = THING_BY_NAME[thing]
    if count == 0:
        return f"I see no {words.plural}."
    return f"I see one {words.name}." if count == 1 else f"I see {COUNT_WORDS[count]} {words.plural}."


def _where_answer(group: Group, scene: Scene) -> str:
    if not scene.relation:
        place = "middle" if group.position == "centre" else group.position
        return f"In the {place}." if group.count == 1 else "All over the picture."
    first, second = scene.groups
    if group is first:
        relation = _RELATIONS.get(scene.relation, scene.relation).capitalize()
        return f"{relation} the {second.thing}."
    mirrored = {"left of": "To the right of", "right of": "To the left of", "above": "Below", "below": "Above"}
    return f"{mirrored.get(scene.relation, 'With')} the {first.thing}."


def _background_answer(setting: str) -> str:
    place = _PLACES.get(setting)
    return f"It is {place}." if place else f"The background is {setting}."


def _about_group(kind: str, group: Group, scene: Scene) -> str:
    """The answer to a question about one group that is in the scene."""
    if kind == "colour":
        return f"It is {group.colour}." if group.count == 1 else f"They are {group.colour}."
    if kind == "where":
        return _where_answer(group, scene)
    if kind == "beside":
        other = scene.groups[0] if group is scene.groups[-1] else scene.groups[-1]
        return f"{name_group(other).capitalize()}."
    raise ValueError(kind)


def _usable(kind: str, group: Group, scene: Scene) -> bool:
    if kind in ("colour", "colour_any"):
        return group.colour != NATURAL and (kind == "colour" or len(scene.groups) == 1)
    return kind != "beside" or bool(scene.relation)


def _spoken(thing: str, rng: Random) -> dict[str, str]:
    words = THING_BY_NAME[thing]
    single = rng.choice(words.synonyms) if words.synonyms and rng.random() < 0.15 else words.name
    return {"thing": single, "things": words.plural}


def scene_answer(kind: str, group: Group, scene: Scene, absent: str) -> tuple[str, str]:
    """What is asked about (a thing's name), and the answer. `absent` is used unless it is empty."""
    if kind == "count":
        return absent or group.thing, _count_answer(absent or group.thing, scene)
    if kind == "present":
        found = "No" if absent else "Yes"
        seen = f"{found}, I see {'no ' + absent if absent else name_group(group)}."
        return absent or group.thing, seen
    if absent:
        return absent, f"I see no {absent}."
    if kind == "count_any":
        total = sum(g.count for g in scene.groups)
        return group.thing, f"I count {COUNT_WORDS[total]}."
    if kind == "colour_any":
        return group.thing, f"It is {group.colour}." if group.count == 1 else f"They are {group.colour}."
    return group.thing, _about_group(kind, group, scene)


def about_scene(scene: Scene, rng: Random, kind: str | None = None) -> Question:
    """A random question about a picture of the world; of the given kind, where the scene allows it."""
    kind = kind or rng.choices(list(_QUESTION_WEIGHTS), list(_QUESTION_WEIGHTS.values()))[0]
    group = rng.choice(scene.groups)
    if kind == "what" or not _usable(kind, group, scene):
        return Question("what", looking_words(rng), describe(scene))
    present = {g.thing for g in scene.groups}
    if kind in ("background", "unknowable"):
        thing, answer = group.thing, _background_answer(scene.setting) if kind == "background" else UNKNOWABLE_ANSWER
    else:
        shares = {"count": 0.15, "present": 0.5, "colour": 0.08, "where": 0.08}
        is_absent = rng.random() < shares.get(kind, 0.0)
        absent = rng.choice([name for name in THING_NAMES if name not in present]) if is_absent else ""
        thing, answer = scene_answer(kind, group, scene, absent)
    message = expand(rng.choice(sections("looking")[kind]), rng, _spoken(thing, rng))
    message = wrap(message, rng) if rng.random() < 0.5 else message
    return Question(kind, dress(message, rng, question=True), answer)


def about_unknown(rng: Random, answer: str) -> Question:
    """A question about a page or a picture from outside the world, which gets `answer` whatever is asked."""
    return Question("outside", looking_words(rng), answer)


def numbered(handle: str, handles: list[str], scene: Scene, rng: Random) -> Question:
    """Asks to describe one of several images."""
    words = image_words(handle, handles, rng)
    message = expand(rng.choice(sections("looking")["numbered"]), rng, {"img": words})
    return Question("numbered", dress(message, rng, question=True), describe(scene))
