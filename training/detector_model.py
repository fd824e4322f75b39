"""The detector's network, its files, and how its output becomes a list of things.

Centre points (arXiv 1904.07850): one cell of 8 px says "a thing's centre is here", which thing, which colour,
and how large. Knows tensors. Does not know where pictures come from or what they should show.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d

from training.checkpoint import make_readable
from training.detector_data import COLOUR_CLASSES, STRIDE, THING_CLASSES
from training.world import SETTINGS

WIDTHS = (48, 96, 104)
"""Channels at strides 4, 8 and 16."""
OUTPUTS = (1, 3, len(THING_CLASSES), len(COLOUR_CLASSES))
"""Channels of heat, box, thing and colour."""
SCORE = 0.4
"""Where heat times the thing's probability begins to count as a thing. Fixed before any painter was judged."""


@dataclass(frozen=True)
class Detection:
    """A thing that was found: its centre and side in pixels, classes by name, score 0-1."""

    thing: str
    colour: str
    x: float
    y: float
    side: float
    score: float


@dataclass(frozen=True)
class Sight:
    """What a picture shows."""

    setting: str
    things: tuple[Detection, ...]


def _layer(inner: int, outer: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inner, outer, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outer), nn.ReLU(inplace=True))


class _Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _layer(width, width)
        norm = nn.BatchNorm2d(width)
        nn.init.zeros_(norm.weight)  # begins as the shortcut alone
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), norm)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class DetectorNet(nn.Module):
    """(B, 3, 128, 128) pixels in -1..1 to dense outputs by name, (B, channels, 16, 16), and "setting" (B, 19)."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.stem = nn.Sequential(_layer(3, fine, 7, 4), _Block(fine), _layer(fine, middle, 3, 2), _Block(middle))
        self.context = nn.Sequential(_layer(middle, coarse, 3, 2), _Block(coarse), nn.Conv2d(coarse, middle, 1))
        self.join = _Block(middle)
        self.dense = nn.Conv2d(middle, sum(OUTPUTS), 1)
        self.setting = nn.Linear(2 * middle, len(SETTINGS))
        assert self.dense.bias is not None
        self.dense.bias.data[0] = -4.0  # hardly any cell holds a centre

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        seen = self.stem(pixels)
        joined = self.join(seen + interpolate(self.context(seen), scale_factor=2.0, mode="nearest"))
        heat, box, thing, colour = self.dense(joined).float().split(OUTPUTS, 1)
        pooled = torch.cat([joined.mean((2, 3)), joined.amax((2, 3))], 1)
        setting = self.setting(pooled).float()
        return {"heat": heat, "box": box, "thing": thing, "colour": colour, "setting": setting}


def _things(out: dict[str, Tensor], index: int) -> tuple[Detection, ...]:
    """The local maxima of one picture's heat, best first."""
    heat = torch.sigmoid(out["heat"][index, 0])
    peaks = heat == max_pool2d(heat[None, None], 3, 1, 1)[0, 0]
    chances = out["thing"][index].softmax(0)
    found: list[Detection] = []
    for row, column in torch.nonzero(peaks & (heat >= SCORE)).tolist():
        chance, thing = chances[:, row, column].max(0)
        score = float(heat[row, column] * chance)
        if score < SCORE:
            continue
        dx, dy, size = out["box"][index, :, row, column].tolist()
        colour = COLOUR_CLASSES[int(out["colour"][index, :, row, column].argmax())]
        x, y, side = STRIDE * (column + dx), STRIDE * (row + dy), 64 * float(np.exp(size))
        found.append(Detection(THING_CLASSES[int(thing)], colour, x, y, side, score))
    return tuple(sorted(found, key=lambda detection: -detection.score))


class Detector:
    """The exported network, ready to look at pictures."""

    def __init__(self, net: DetectorNet) -> None:
        self.net = net.eval()

    @classmethod
    def load(cls, folder: Path) -> "Detector":
        """From an exported folder. Raises RuntimeError when it is of another world than this code's."""
        config = json.loads((folder / "config.json").read_text())
        if config != detector_config():
            raise RuntimeError(f"the detector in {folder} was trained for another world or another network")
        net = DetectorNet()
        weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
        net.load_state_dict(weights)
        return cls(net)

    @torch.no_grad()
    def look(self, pixels: Tensor, batch: int = 32) -> list[Sight]:
        """What each of the pictures (B, 3, 128, 128) in -1..1 shows."""
        sights: list[Sight] = []
        for part in pixels.split(batch):
            out = self.net(part)
            settings = [SETTINGS[k] for k in out["setting"].argmax(1).tolist()]
            sights += [Sight(setting, _things(out, k)) for k, setting in enumerate(settings)]
        return sights


def detector_config() -> dict[str, object]:
    """What a reader of the weights must know."""
    return {
        "architecture": "training.detector_model.DetectorNet",
        "image_size": 128,
        "pixel_range": [-1, 1],
        "stride": STRIDE,
        "widths": list(WIDTHS),
        "score_threshold": SCORE,
        "things": list(THING_CLASSES),
        "colours": list(COLOUR_CLASSES),
        "settings": list(SETTINGS),
    }


def save_detector(net: DetectorNet, folder: Path) -> None:
    """Writes weights in fp16 and the configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: t.detach().half() if t.is_floating_point() else t for name, t in net.state_dict().items()}
    save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(detector_config(), indent=1) + "\n")
    make_readable(folder)
