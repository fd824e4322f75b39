"""How a page lies in its picture: upright, turned, mirrored, slanted. Geometry of corners; pixels are never turned.

A crop of a box is cut along its corners, so it suffices to begin at another corner to read a page that lies on its
side, on its head, or is seen in a mirror.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from services.ocr.detection import Quads, heights
from services.ocr.loading import Floats, Pixels
from services.ocr.recognition import HEIGHT

SAMPLES = 3
"""Boxes that are tried to find how the page lies."""
SAMPLE_ASPECT = 12.0
"""Of a box, as much is tried as is this wide in its heights."""
SURE = 0.9
"""Mean confidence of the samples at which the page is taken to lie so without trying other ways."""
BETTER = 0.1
"""By how much another way must be read with more confidence."""
PLAUSIBLE = 0.85
"""Mean confidence of the samples below which no other way is believed."""
TALL = 1.5
"""Height in widths of a box whose text stands on its side."""
LOW = 16.0
"""Height in pixels of a box of small print."""
CENTRE = 0.5
"""Where in a pixel OpenCV has its coordinates."""


@dataclass(frozen=True)
class Pose:
    """What must be done with the picture so that it can be read."""

    turn: int = 0
    """Degrees clockwise: 0, 90, 180 or 270."""
    mirrored: bool = False
    """Whether left and right change sides then."""

    def cornered(self, quads: Quads) -> Quads:
        """The boxes with the corner first at which their text begins, clockwise as the text sees it."""
        order = np.roll([0, 1, 2, 3], self.turn // 90)
        return quads[:, order[[1, 0, 3, 2]] if self.mirrored else order]

    def placed(self, quads: Quads, width: int, height: int) -> Quads:
        """The boxes where they are once that is done with a picture of this size."""
        x, y = quads[..., 0], quads[..., 1]
        places = {0: (x, y), 90: (height - y, x), 180: (width - x, height - y), 270: (y, width - x)}
        x, y = places[self.turn]
        side = width if self.turn in (0, 180) else height
        return np.stack([side - x if self.mirrored else x, y], axis=-1)


UPRIGHT = Pose()


def find_pose(image: Pixels, quads: Quads, confidences: Callable[[list[Pixels]], Sequence[float]]) -> Pose:
    """The pose in which samples of the text are read with the most confidence; upright where none is better."""
    if len(quads) == 0:
        return UPRIGHT
    turns = (90, 270) if lies_on_its_side(quads) else (0, 180)
    poses = [Pose(turn, mirrored) for mirrored in (False, True) for turn in turns]
    samples = quads[np.argsort(-areas(quads))[:SAMPLES]]
    best, most = UPRIGHT, 0.0
    for pose in poses:
        crops = [crop(image, beginning(quad)) for quad in pose.cornered(samples)]
        sure = float(np.mean(confidences(crops)))
        if pose == UPRIGHT or sure >= max(PLAUSIBLE, most + BETTER):
            best, most = pose, sure
        if most >= SURE:
            break
    return best


def lies_on_its_side(quads: Quads) -> bool:
    """Whether more text, by length, runs up or down than across."""
    across, down = sides(quads)
    return bool(down[down >= TALL * across].sum() > across[down < TALL * across].sum())


def sides(quads: Quads) -> tuple[Floats, Floats]:
    """Lengths of the first edge of each box, and of the next one."""
    return np.linalg.norm(quads[:, 1] - quads[:, 0], axis=1), np.linalg.norm(quads[:, 2] - quads[:, 1], axis=1)


def areas(quads: Quads) -> Floats:
    across, down = sides(quads)
    return np.minimum(np.maximum(across, down), SAMPLE_ASPECT * heights(quads)) * heights(quads)


def beginning(quad: Quads) -> Quads:
    """As much of a box as a sample takes."""
    across = float(np.linalg.norm(quad[1] - quad[0]))
    down = float(np.linalg.norm(quad[3] - quad[0]))
    return part(quad, 0.0, min(1.0, SAMPLE_ASPECT * down / max(across, 1.0)))


def part(quad: Quads, start: float, end: float) -> Quads:
    """What lies between two shares of a box's width."""
    top, bottom = quad[1] - quad[0], quad[2] - quad[3]
    corners = [quad[0] + start * top, quad[0] + end * top, quad[3] + end * bottom, quad[3] + start * bottom]
    return np.array(corners, np.float32)


def straightened(quads: Quads) -> Quads:
    """The boxes as they would lie if their lines ran level: so lines and columns of a slanted page can be told."""
    edges = quads[:, 1] - quads[:, 0]
    lengths = np.linalg.norm(edges, axis=1)
    long = lengths > 2 * heights(quads)
    if not long.any():
        return quads
    angles, weights = np.arctan2(edges[long, 1], edges[long, 0]), lengths[long]
    order = np.argsort(angles)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    angle = -float(angles[order][middle])
    cosine, sine = math.cos(angle), math.sin(angle)
    return quads @ np.array([[cosine, sine], [-sine, cosine]], np.float32)


def crop(image: Pixels, quad: Quads) -> Pixels:
    """The pixels of a box, its first corner at the top left; of small print at the height that the recogniser sees.

    Small print is enlarged in the same step in which it is cut, and linearly: where it is cut first and enlarged then,
    or enlarged more sharply, up to twice as many of its characters are misread.
    """
    width = float(max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3])))
    height = float(max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2])))
    small = 0 < height < LOW
    size = (max(1, int(width * HEIGHT / height)), HEIGHT) if small else (max(1, int(width)), max(1, int(height)))
    goal = np.array([[0, 0], [size[0], 0], size, [0, size[1]]], np.float32)
    # Only what is around the box is looked at: OpenCV takes no source of more than 32,767 pixels on a side.
    first = np.maximum(np.floor(quad.min(axis=0)).astype(int) - 2, 0)
    last = np.ceil(quad.max(axis=0)).astype(int) + 3
    near = image[first[1] : last[1], first[0] : last[0]]
    shift, flags = (CENTRE, cv2.INTER_LINEAR) if small else (0, cv2.INTER_CUBIC)
    matrix = cv2.getPerspectiveTransform((quad - first - shift).astype(np.float32), (goal - shift).astype(np.float32))
    return np.asarray(cv2.warpPerspective(near, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
