"""Says what a scene shows, in one of many phrasings; may leave details out, never says false ones.

Knows English for this world. Everything random comes from the given `random.Random`.
"""

from random import Random

from training.world.scene import Group, Scene
from training.world.vocab import BACKGROUND_COLOURS, COUNT_WORDS, NATURAL, THING_BY_NAME

RELATION_PHRASES: dict[str, tuple[str, ...]] = {
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under", "beneath", "underneath"),
    "on": ("on", "on top of", "sitting on", "standing on"),
    "in": ("in", "in", "inside", "sitting in"),
    "next to": ("next to", "beside", "and", "with"),
}
WEAKER_RELATIONS: dict[str, tuple[str, ...]] = {
    "left of": ("next to", "beside", "and"),
    "right of": ("next to", "beside", "and"),
    "above": ("and",),
    "below": ("and",),
    "on": ("and", "with"),
}
"""Also true of the scene, though less exact."""
PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "night": ("at night", "in the night", "under the stars", "under a night sky", "by night"),
    "sunset": ("at sunset", "in the sunset", "in front of a sunset", "at dusk"),
    "beach": ("on a beach", "on the beach", "at the beach", "on the sand"),
    "snow": ("in the snow", "in snow", "in a snowy landscape", "in winter"),
    "grass": ("on the grass", "on grass", "in a meadow", "on a lawn", "in a green field"),
    "sea": ("at sea", "by the sea", "in the sea", "on the ocean", "on the water"),
    "room": ("in a room", "in the room", "indoors", "inside a room"),
}
COLOUR_BACKGROUND_PHRASES = (
    "on {a} background",
    "on {c}",
    "against {a} background",
    "in front of {a} background",
    "with {a} background",
    ", {c} background",
)
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "small": ("small", "little", "tiny"),
    "large": ("big", "large", "huge"),
}
PREFIXES = ("a picture of", "a drawing of", "an image of", "a photo of", "an illustration of")


def noun(group: Group, rng: Random) -> str:
    """The thing's name or a synonym, in the plural when there are several."""
    thing = THING_BY_NAME[group.thing]
    if group.count > 1:
        return thing.plural
    if thing.synonyms and rng.random() < 0.3:
        return rng.choice(thing.synonyms)
    return thing.name


def article(words: str) -> str:
    """`words` with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def group_phrase(group: Group, rng: Random, *, sized: bool = False) -> str:
    """For example "an orange cat", "orange cat", "2 red apples"."""
    words = [noun(group, rng)]
    if group.colour != NATURAL and rng.random() < 0.93:
        words.insert(0, group.colour)
    if sized and group.size in SIZE_WORDS and rng.random() < 0.75:
        words.insert(0, rng.choice(SIZE_WORDS[group.size]))
    phrase = " ".join(words)
    if group.count > 1:
        number = str(group.count) if rng.random() < 0.4 else COUNT_WORDS[group.count]
        return f"{number} {phrase}"
    style = rng.random()
    if style < 0.15:
        return phrase
    return f"the {phrase}" if style < 0.2 else article(phrase)


def setting_phrase(setting: str, rng: Random) -> str:
    """For example "on a blue background" or "at the beach"; may begin with a comma."""
    if setting in BACKGROUND_COLOURS:
        colour = "gray" if setting == "grey" and rng.random() < 0.3 else setting
        return rng.choice(COLOUR_BACKGROUND_PHRASES).format(c=colour, a=article(colour))
    return rng.choice(PLACE_PHRASES[setting])


def position_phrase(position: str, rng: Random) -> str:
    """For example "in the top left corner"; "" for the centre, mostly."""
    if position == "centre":
        return rng.choice(("in the middle", "in the centre")) if rng.random() < 0.05 else ""
    if " " in position:
        return f"in the {position} corner" if rng.random() < 0.7 else f"at the {position}"
    if position in ("left", "right"):
        return f"on the {position}" if rng.random() < 0.7 else f"on the {position} side"
    return f"at the {position}"


def subject_phrase(scene: Scene, rng: Random) -> str:
    """What stands in the scene, without the setting."""
    first = scene.groups[0]
    if scene.relation:
        choices = RELATION_PHRASES[scene.relation]
        if scene.relation in WEAKER_RELATIONS and rng.random() < 0.12:
            choices = WEAKER_RELATIONS[scene.relation]
        second = group_phrase(scene.groups[1], rng)
        return f"{group_phrase(first, rng)} {rng.choice(choices)} {second}"
    phrase = group_phrase(first, rng, sized=first.count == 1)
    position = position_phrase(first.position, rng) if rng.random() < 0.8 else ""
    return f"{phrase} {position}".strip()


def caption(scene: Scene, rng: Random) -> str:
    """A lower-case sentence or phrase that is true of `scene`."""
    subject = subject_phrase(scene, rng)
    if rng.random() < 0.12:
        subject = f"{rng.choice(PREFIXES)} {subject}"
    if rng.random() < 0.15:
        return subject
    setting = setting_phrase(scene.setting, rng)
    if rng.random() < 0.06 and not setting.startswith(","):
        return f"{setting}, {subject}"
    joined = f"{subject}{setting}" if setting.startswith(",") else f"{subject} {setting}"
    return f"{joined}." if rng.random() < 0.05 else joined
