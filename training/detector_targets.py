"""The dense targets of the detector: what each cell of a picture should say.

Knows places and classes. Does not know pixels or the network.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from training.detector_data import COLOUR_CLASSES, STRIDE, THING_CLASSES, UNKNOWN, Example
from training.world import CANVAS, SETTINGS

CELLS = CANVAS // STRIDE
IGNORE = -100
"""The class index that `cross_entropy` skips."""
HEAT_SIGMA = 0.7
"""How far from a centre, in cells, a miss still counts little."""


@dataclass(frozen=True)
class Targets:
    """Dense targets of a batch, all (B, 16, 16) but `box` (B, 3, 16, 16) and `setting` (B,)."""

    heat: Tensor
    thing: Tensor
    colour: Tensor
    weight: Tensor
    box: Tensor
    setting: Tensor

    def to(self, device: torch.device) -> "Targets":
        """The same targets on a device."""
        return Targets(*(getattr(self, field.name).to(device) for field in fields(self)))


def targets_of(examples: list[Example]) -> Targets:
    """Heat is 1 in the cell nearest to a thing's centre and falls off; classes and boxes fill the 3 x 3 cells there.

    A box is the centre's offset from the cell's own point (in cells: x, y) and log(side / 64).
    """
    shape = (len(examples), CELLS, CELLS)
    heat, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    thing, colour = np.full(shape, IGNORE, np.int64), np.full(shape, IGNORE, np.int64)
    box = np.zeros((len(examples), 3, CELLS, CELLS), np.float32)
    rows, columns = np.mgrid[0:CELLS, 0:CELLS]
    for k, example in enumerate(examples):
        for spot in example.spots:
            x, y = ((corner + spot.side / 2) / STRIDE for corner in (spot.x, spot.y))
            distance = (columns - round(x)) ** 2 + (rows - round(y)) ** 2
            heat[k] = np.maximum(heat[k], np.exp(-distance / (2 * HEAT_SIGMA**2)))
            near = distance <= 2
            thing[k][near] = THING_CLASSES.index(spot.thing)
            colour[k][near] = IGNORE if spot.thing == UNKNOWN else COLOUR_CLASSES.index(spot.colour)
            weight[k][near] = np.where(distance == 0, 1.0, 0.3)[near]
            values = (x - columns, y - rows, np.full(shape[1:], np.log(spot.side / 64)))
            box[k][:, near] = np.stack(values)[:, near]
    settings = [SETTINGS.index(example.setting) for example in examples]
    arrays = (heat, thing, colour, weight, box, np.array(settings))
    return Targets(*(torch.from_numpy(array) for array in arrays))
