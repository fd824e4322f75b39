"""Where text is: four-cornered boxes in a picture of any size. Does not know what the text says."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr.ch_ppocr_det import TextDetector

from services.ocr.loading import Pixels

Quads = NDArray[np.float32]
"""n × 4 × 2: corners (x, y) in pixels of the picture, clockwise from the top left."""

WANTED_SIDE = 736
"""The shorter side that the detector was trained for; smaller pictures are enlarged towards it."""
MAX_ENLARGEMENT = 2.0
"""Beyond it letters get larger than the detector expects them."""
MARGIN = 16
"""Pixels put around the picture: text that touches the edge is missed otherwise."""


def find_boxes(detector: TextDetector, image: Pixels, max_pixels: int) -> Quads:
    """The boxes of all pieces of text, in no order worth using. None found: an array of no boxes."""
    height, width = image.shape[:2]
    scale = detection_scale(height, width, max_pixels)
    seen: Any = image
    if scale != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        seen = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    found = detector(with_margin(seen)).boxes
    if found is None or len(found) == 0:
        return np.zeros((0, 4, 2), np.float32)
    quads = (np.asarray(found, np.float32) - MARGIN) / scale
    return np.clip(quads, 0, np.array([width, height], np.float32))


def detection_scale(height: int, width: int, max_pixels: int) -> float:
    """By how much a picture is scaled for the detector: small ones up, ones of more than max_pixels down."""
    enlargement = min(max(WANTED_SIDE / min(height, width), 1.0), MAX_ENLARGEMENT)
    return min(enlargement, (max_pixels / (height * width)) ** 0.5)


def with_margin(image: Pixels) -> Any:
    """The picture with a margin of its own edge's commonest colour, sides rounded up to what the network takes (32)."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    colours, counts = np.unique(edge, axis=0, return_counts=True)
    colour = colours[counts.argmax()].tolist()
    bottom, right = (MARGIN + -(side + 2 * MARGIN) % 32 for side in image.shape[:2])
    return cv2.copyMakeBorder(image, MARGIN, bottom, MARGIN, right, cv2.BORDER_CONSTANT, value=colour)
