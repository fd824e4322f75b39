"""Where text is: four-cornered boxes in a picture of any size. Does not know what the text says.

A picture is looked at as a whole. Where that takes scaling it down, it is looked at once more at full size: large
letters are found in the first look, small ones in the second. A small picture of small text, or in which nothing is
found, is looked at again enlarged. Large looks are taken in tiles whose results are put together before
boxes are made of them, so no line is cut.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from services.ocr.layout import Box
from services.ocr.loading import Floats, Network, Pixels, normalised

Quads = NDArray[np.float32]
"""n × 4 × 2: corners (x, y) in pixels of the picture, clockwise from the top left."""

EASY = 14.0
"""Height of a box in pixels from which on nothing is gained by enlarging a small picture."""
WANTED_SIDE = 736
"""The shorter side that the detector was trained for; smaller pictures of smaller text are enlarged towards it."""
MAX_ENLARGEMENT = 3.0
"""Beyond it letters get larger than the detector expects them."""
MARGIN = 16
"""Pixels put around the picture: text that touches the edge is missed otherwise."""
GRID = 160
"""Sides of what the network sees are multiples of this: a new shape costs it three times a known one."""
TILE, OVERLAP = 1280, 160
"""Sides of a tile, and what neighbours see of each other's, in pixels."""
SEEN_WELL = 24.0
"""Height of a box in pixels of the first look from which on it is found there; what is lower is left to the second."""
FILLED = 0.4
"""Share of a large box that small ones take where they are the truth."""
PLAIN = 6
"""Grey levels between the darkest and the lightest pixel of a tile in which nothing is looked for."""
LIKELY = 0.3
"""From which on a pixel counts as text."""
CERTAIN = 0.5
"""The mean over a piece of text below which it is none."""
GROWTH = 1.6
"""By how much a box is grown, in areas per perimeter: what the network was trained with."""
SMALLEST = 3
"""Sides of a piece of text, in pixels of a look; what is smaller is noise."""
MAX_BOXES = 3000
"""Of one look, the largest. A full newspaper page has fewer lines; noise has more."""


def first_scale(image: Pixels, max_pixels: int) -> float:
    """At which the first look sees a picture, so that it takes in `max_pixels` at most."""
    height, width = image.shape[:2]
    return min(1.0, (max_pixels / (height * width)) ** 0.5)


def find_boxes(detector: Network, image: Pixels, max_pixels: int, first: Quads | None = None) -> Quads:
    """The boxes of all pieces of text, in no order worth using. None found: an array of no boxes.

    The first look takes in up to `max_pixels`; `first` is what it found, where it was taken already.
    """
    height, width = image.shape[:2]
    scale = first_scale(image, max_pixels)
    quads = look(detector, image, scale) if first is None else first
    enlarged = min(WANTED_SIDE / min(height, width), MAX_ENLARGEMENT)
    if enlarged > 1 and (len(quads) == 0 or np.median(heights(quads)) < EASY):
        return look(detector, image, min(enlarged, (max_pixels / (height * width)) ** 0.5))
    if scale == 1.0:
        return quads
    large = quads[heights(quads) * scale >= SEEN_WELL]
    small = look(detector, image, 1.0)
    small = small[heights(small) * scale < SEEN_WELL]
    return together(large, small)


def look(detector: Network, image: Pixels, scale: float) -> Quads:
    """The boxes that are found at this scale, in pixels of the picture."""
    height, width = image.shape[:2]
    seen: Any = image
    if scale != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    quads = (boxes_in(text_map(detector, with_margin(seen))) - MARGIN) / scale
    return np.clip(quads, 0, np.array([width, height], np.float32))


def text_map(detector: Network, image: Pixels) -> Floats:
    """How likely each pixel belongs to text, 0 to 1."""
    height, width = image.shape[:2]
    text = np.zeros((height, width), np.float32)
    for top, bottom in spans(height):
        for left, right in spans(width):
            tile = image[top:bottom, left:right]
            if int(tile.max()) - int(tile.min()) <= PLAIN:
                continue
            # What lies at a cut is seen better by the neighbour.
            y, x = top and OVERLAP // 2, left and OVERLAP // 2
            found = detector(normalised(tile)[None], lambda out: out[0, 0].copy())
            text[top + y : bottom, left + x : right] = found[y:, x:]
    return text


def boxes_in(text: Floats) -> Quads:
    """A box around each piece of text: the smallest slanted one, grown, for the network marks the core of a line."""
    mask = cv2.dilate((text > LIKELY).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = [contour for contour in contours if min(cv2.boundingRect(contour)[2:]) >= SMALLEST]
    large.sort(key=cv2.contourArea, reverse=True)
    quads = []
    for contour in large[:MAX_BOXES]:
        middle, (width, height), angle = cv2.minAreaRect(contour)
        if min(width, height) < SMALLEST or certainty(text, contour) < CERTAIN:
            continue
        more = 2 * GROWTH * width * height / (2 * (width + height))
        quads.append(clockwise(cv2.boxPoints((middle, (width + more, height + more), angle))))
    return np.array(quads, np.float32).reshape(-1, 4, 2)


def certainty(text: Floats, contour: Any) -> float:
    """The mean of the map inside a contour."""
    left, top, width, height = cv2.boundingRect(contour)
    inside = np.zeros((height, width), np.uint8)
    cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-left, -top))
    return cv2.mean(text[top : top + height, left : left + width], inside)[0]


def clockwise(corners: Any) -> Any:
    """Corners of a box, from the one at the top left on."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left, right = (half[np.argsort(half[:, 1], kind="stable")] for half in (by_x[:2], by_x[2:]))
    return np.array([left[0], right[0], right[1], left[1]])


def spans(side: int) -> list[tuple[int, int]]:
    """Where tiles begin and end along a side: one for all of it, or several of the same length that overlap."""
    if side <= TILE:
        return [(0, side)]
    step = TILE - OVERLAP
    count = -(-(side - OVERLAP) // step)
    return [(min(number * step, side - TILE), min(number * step, side - TILE) + TILE) for number in range(count)]


def with_margin(image: Pixels) -> Any:
    """The picture with a margin of its own edge's commonest colour, sides rounded up to the grid."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colours, counts = np.unique(edge, axis=0, return_counts=True)
    colour = colours[counts.argmax()].tolist()
    bottom, right = (MARGIN + -(side + 2 * MARGIN) % GRID for side in image.shape[:2])
    return cv2.copyMakeBorder(image, MARGIN, bottom, MARGIN, right, cv2.BORDER_CONSTANT, value=colour)


def bounds(quad: Quads, index: int = 0) -> Box:
    """The upright rectangle around a four-cornered box."""
    left, top = quad.min(axis=0).tolist()
    right, bottom = quad.max(axis=0).tolist()
    return Box(left, top, right, bottom, index)


def heights(quads: Quads) -> Floats:
    """The shorter side of each box."""
    across = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    down = np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)
    return np.minimum(across, down)


def areas(quads: Quads) -> Floats:
    across = np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1)
    return across * np.linalg.norm(quads[:, 3] - quads[:, 0], axis=1)


def together(large: Quads, small: Quads) -> Quads:
    """Boxes of both looks: of a large box that small ones fill only those, for it is several lines taken for one."""
    middles, sizes = small.mean(axis=1), areas(small)
    kept = np.ones(len(small), np.bool_)
    whole = np.ones(len(large), np.bool_)
    for number, box in enumerate(large):
        inside = ((middles >= box.min(axis=0)) & (middles <= box.max(axis=0))).all(axis=1)
        whole[number] = sizes[inside].sum() < FILLED * areas(box[None])[0]
        if whole[number]:
            kept &= ~inside
    return np.concatenate([large[whole], small[kept]])
