"""The words of the synthetic world: things, colours, settings, relations, sizes.

Knows names, synonyms and plurals. Does not know how anything looks (`glyphs`, `render`) or how
sentences are built (`captions`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Thing:
    """A kind of thing: its glyph's file stem is `name` with spaces as underscores."""

    name: str
    emoji: str
    plural: str
    synonyms: tuple[str, ...] = ()


def _thing(name: str, emoji: str, *synonyms: str, plural: str = "") -> Thing:
    return Thing(name, emoji, plural or name + "s", synonyms)


THINGS: tuple[Thing, ...] = (
    _thing("cat", "🐱", "kitten", "kitty"),
    _thing("dog", "🐶", "puppy"),
    _thing("rabbit", "🐰", "bunny"),
    _thing("bear", "🐻"),
    _thing("panda", "🐼"),
    _thing("fox", "🦊", plural="foxes"),
    _thing("pig", "🐷", "piglet"),
    _thing("frog", "🐸"),
    _thing("mouse", "🐭", plural="mice"),
    _thing("chicken", "🐔", "hen"),
    _thing("penguin", "🐧"),
    _thing("owl", "🦉"),
    _thing("fish", "🐟", plural="fish"),
    _thing("turtle", "🐢", "tortoise"),
    _thing("butterfly", "🦋", plural="butterflies"),
    _thing("apple", "🍎"),
    _thing("banana", "🍌"),
    _thing("strawberry", "🍓", plural="strawberries"),
    _thing("lemon", "🍋"),
    _thing("pear", "🍐"),
    _thing("carrot", "🥕"),
    _thing("pizza", "🍕", "slice of pizza"),
    _thing("cake", "🎂", "birthday cake"),
    _thing("mushroom", "🍄", "toadstool"),
    _thing("car", "🚗", "automobile"),
    _thing("bus", "🚌", plural="buses"),
    _thing("boat", "⛵", "sailboat", "ship"),
    _thing("rocket", "🚀", "spaceship"),
    _thing("house", "🏠", "home"),
    _thing("tree", "🌳"),
    _thing("flower", "🌸", "blossom"),
    _thing("ball", "⚽", "football"),
    _thing("star", "⭐"),
    _thing("heart", "❤", "love heart"),
    _thing("balloon", "🎈"),
    _thing("hat", "🎩", "top hat"),
    _thing("book", "📕"),
    _thing("key", "🔑"),
    _thing("cardboard box", "📦", "box", "carton", plural="cardboard boxes"),
    _thing("basket", "🧺"),
)
THING_NAMES: tuple[str, ...] = tuple(thing.name for thing in THINGS)
THING_BY_NAME: dict[str, Thing] = {thing.name: thing for thing in THINGS}
CONTAINERS: tuple[str, ...] = ("cardboard box", "basket")

NATURAL = "natural"
"""The colour of a glyph as its font draws it; captions do not name it."""

COLOURS: tuple[str, ...] = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
)
BACKGROUND_COLOURS: tuple[str, ...] = (*COLOURS, "grey", "turquoise")
PLACES: tuple[str, ...] = ("night", "sunset", "beach", "snow", "grass", "sea", "room")
SETTINGS: tuple[str, ...] = (*BACKGROUND_COLOURS, *PLACES)
"""A scene's setting is one of these: a plain background of that colour, or a place."""

RELATIONS: tuple[str, ...] = ("left of", "right of", "above", "below", "on", "in", "next to")
SIZES: tuple[str, ...] = ("small", "medium", "large")
POSITIONS: tuple[str, ...] = (
    "top left",
    "top",
    "top right",
    "left",
    "centre",
    "right",
    "bottom left",
    "bottom",
    "bottom right",
)
COUNT_WORDS: tuple[str, ...] = ("zero", "one", "two", "three", "four")
