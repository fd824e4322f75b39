"""Measures the judge itself, on pictures whose truth is known: renders, and what the autoencoder makes of them.

Only a judge that finds nearly everything there may judge painted pictures.
"""

from pathlib import Path
from random import Random
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from torch import Tensor

from training.autoencoder import psnr
from training.clip_data import pixels_of
from training.detector_model import Detector
from training.evaluate_judge import Wanted, missed, wanted_of
from training.evaluate_tasks import ALL_TASKS, cases
from training.intervals import Figure, average, proportion
from training.world import Scene, sample_scene

SEED = 987_654_421


def whole_scenes(count: int) -> list[Scene]:
    """Scenes as the world draws them; every second one holds a combination that only evaluation has."""
    rng = Random(SEED)
    return [sample_scene(rng, held_out=k % 2 == 1) for k in range(count)]


def passed(detector: Detector, pixels: Tensor, wanted: list[Wanted]) -> list[bool]:
    """For each picture (B, 3, 128, 128), whether it shows what is wanted."""
    return [not missed(want, sight) for want, sight in zip(wanted, detector.look(pixels), strict=True)]


def share_right(detector: Detector, count: int) -> float:
    """How many of `count` rendered whole scenes it is right about, 0-1."""
    scenes = whole_scenes(count)
    return sum(passed(detector, pixels_of(scenes), [wanted_of(scene) for scene in scenes])) / count


def _share(outcomes: list[bool]) -> Figure:
    return proportion(sum(outcomes), len(outcomes))


@torch.no_grad()
def reconstructions(autoencoder: AutoencoderDC, pixels: Tensor) -> Tensor:
    """The pictures (B, 3, 128, 128) in -1..1, encoded and decoded again."""
    parts = [
        autoencoder.decode(autoencoder.encode(part, return_dict=False)[0], return_dict=False)[0]
        for part in pixels.split(16)
    ]
    return torch.cat(parts).float().clamp(-1, 1)


def evaluate_detector(folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """The judge's verdict on rendered truth: each task's cases, and all facts of whole scenes."""
    detector = Detector.load(folder)
    figures: dict[str, Any] = {}
    for name in ALL_TASKS:
        asked = cases(name, 100 if quick else 400)
        pixels = pixels_of([case.scene for case in asked])
        figures[name] = _share(passed(detector, pixels, [case.wanted for case in asked]))
    scenes = whole_scenes(400 if quick else 2000)
    figures["whole scenes"] = _share(passed(detector, pixels_of(scenes), [wanted_of(scene) for scene in scenes]))
    return {"right about rendered truth": figures}


def evaluate_autoencoder(painter: Path, detector_folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """Reconstructions: their PSNR, and in how many of them the judge finds everything."""
    detector = Detector.load(detector_folder)
    autoencoder = AutoencoderDC.from_pretrained(painter / "vae", dtype=torch.float32).eval()
    scenes = whole_scenes(200 if quick else 1000)
    pixels = pixels_of(scenes)
    rebuilt = reconstructions(autoencoder, pixels)
    fidelity = [float(psnr(a[None], b[None])) for a, b in zip(rebuilt, pixels, strict=True)]
    wanted = [wanted_of(scene) for scene in scenes]
    return {
        "PSNR of reconstructions": average(fidelity, "dB"),
        "whole scenes found in renders": _share(passed(detector, pixels, wanted)),
        "whole scenes found in reconstructions": _share(passed(detector, rebuilt, wanted)),
    }
