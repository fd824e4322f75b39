"""What the detector learns from: pictures of things in known places, spoiled a little.

Knows the world's renderer and pixels. Does not know the network, the painter, or whether a combination is
held out from other models: a judge must know all of them equally well.
"""

import io
from dataclasses import dataclass
from random import Random

import numpy as np
from PIL import Image

from training.world import CANVAS, COLOURS, NATURAL, SETTINGS, THING_NAMES, Scene, place, render, sample_scene
from training.world.glyphs import glyph
from training.world.render import background

STRIDE = 8
UNKNOWN = "something else"
"""A blot that is none of the world's things. Without such a class every blot would be called one of them."""
THING_CLASSES: tuple[str, ...] = (*THING_NAMES, UNKNOWN)
COLOUR_CLASSES: tuple[str, ...] = (NATURAL, *COLOURS)

_SCENE_SHARE = 0.5
_HELD_OUT_SHARE = 0.15
_BLOT_SHARE = 0.12
_OVERLAP = 0.2


@dataclass(frozen=True)
class Spot:
    """One thing: its class and colour class, its square cell's corner and side in pixels."""

    thing: str
    colour: str
    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Example:
    """A picture, uint8 (128, 128, 3), and what it shows."""

    picture: np.ndarray
    setting: str
    spots: tuple[Spot, ...]


def spots_of(scene: Scene) -> tuple[Spot, ...]:
    """Every thing of the scene, once."""
    drawn = (spot for spot in place(scene) if not spot.front_only)
    return tuple(Spot(scene.groups[s.group].thing, scene.groups[s.group].colour, s.x, s.y, s.side) for s in drawn)


def example_of(scene: Scene) -> Example:
    """The scene's picture, unspoiled."""
    return Example(render(scene), scene.setting, spots_of(scene))


def _overlaps(spot: Spot, other: Spot) -> bool:
    width = min(spot.x + spot.side, other.x + other.side) - max(spot.x, other.x)
    height = min(spot.y + spot.side, other.y + other.side) - max(spot.y, other.y)
    return min(width, height) > _OVERLAP * min(spot.side, other.side)


def _free_spots(rng: Random, setting: str) -> tuple[Spot, ...]:
    """One to four things of any kind that hardly overlap, on a grid of 8 px: no layout of the world is assumed."""
    spots: list[Spot] = []
    colours = [colour for colour in COLOURS if colour != setting]
    for _ in range(rng.randint(2, 6)):
        side = rng.choices((48, 64, 96), (4, 5, 1))[0]
        x, y = (rng.randrange(0, CANVAS - side + 1, STRIDE) for _ in range(2))
        thing = UNKNOWN if rng.random() < _BLOT_SHARE else rng.choice(THING_NAMES)
        spot = Spot(thing, NATURAL if rng.random() < 0.3 else rng.choice(colours), x, y, side)
        if not any(_overlaps(spot, other) for other in spots):
            spots.append(spot)
    return tuple(spots[:4])


def _blot(rng: Random, colour: str, side: int) -> np.ndarray:
    """Premultiplied colour and coverage (side, side, 4) of something that is no thing: a mixture, a blur, a jumble."""
    layers = [np.concatenate(glyph(name, colour, side), -1) for name in rng.sample(THING_NAMES, 2)]
    way = rng.randrange(3)
    if way == 0:
        return (layers[0] + layers[1]) / 2
    if way == 1:
        coarse = layers[0].reshape(4, side // 4, 4, side // 4, 4).mean((1, 3))
        bands = [Image.fromarray(np.ascontiguousarray(coarse[..., k])) for k in range(4)]
        return np.stack([np.asarray(b.resize((side, side), Image.Resampling.BILINEAR)) for b in bands], -1)
    parts = layers[0].reshape(4, side // 4, 4, side // 4, 4).swapaxes(1, 2).reshape(16, side // 4, side // 4, 4)
    parts = parts[rng.sample(range(16), 16)].reshape(4, 4, side // 4, side // 4, 4)
    return parts.swapaxes(1, 2).reshape(side, side, 4)


def _arrange(rng: Random) -> Example:
    setting = rng.choice(SETTINGS)
    spots = _free_spots(rng, setting)
    canvas = background(setting).copy()
    for spot in spots:
        side, x, y = int(spot.side), int(spot.x), int(spot.y)
        if spot.thing == UNKNOWN:
            layer = _blot(rng, spot.colour, side)
        else:
            layer = np.concatenate(glyph(spot.thing, spot.colour, side), -1)
        patch = canvas[y : y + side, x : x + side]
        patch *= 1 - layer[..., 3:]
        patch += layer[..., :3]
    return Example(np.clip(canvas + 0.5, 0, 255).astype(np.uint8), setting, spots)


def sample_example(rng: Random) -> Example:
    """A scene of the world, or a free arrangement of things and blots."""
    if rng.random() < _SCENE_SHARE:
        return example_of(sample_scene(rng, held_out=rng.random() < _HELD_OUT_SHARE))
    return _arrange(rng)


def _shifted(example: Example, dx: int, dy: int) -> Example:
    padded = np.pad(example.picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    spots = tuple(Spot(s.thing, s.colour, s.x + dx, s.y + dy, s.side) for s in example.spots)
    return Example(padded[2 - dy : 2 - dy + CANVAS, 2 - dx : 2 - dx + CANVAS], example.setting, spots)


def spoil(example: Example, rng: Random) -> Example:
    """Shifts by up to 2 px; sometimes blur, JPEG, another brightness, noise."""
    moved = _shifted(example, rng.randint(-2, 2), rng.randint(-2, 2))
    image = Image.fromarray(np.ascontiguousarray(moved.picture))
    if rng.random() < 0.2:
        side = rng.randint(56, 112)
        image = image.resize((side, side), Image.Resampling.BOX).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    if rng.random() < 0.2:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=rng.randint(40, 90))
        image = Image.open(file)
    pixels = np.asarray(image, np.float32)
    if rng.random() < 0.5:
        pixels = pixels * rng.uniform(0.88, 1.12) + rng.uniform(-12, 12)
    if rng.random() < 0.3:
        noise = np.random.default_rng(rng.getrandbits(32)).standard_normal(pixels.shape, np.float32)
        pixels = pixels + rng.uniform(2, 12) * noise
    return Example(np.clip(pixels, 0, 255).astype(np.uint8), moved.setting, moved.spots)
