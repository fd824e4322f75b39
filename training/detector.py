"""Trains the judge of the painter's pictures: a detector of the world's things, colours and settings.

Usage: python -m training.detector --minutes 30 [--resume] [--autoencoder models/painter/vae]
It learns from rendered pictures alone, spoiled a little; a part of them has gone through the painter's
autoencoder, so that its blur is nothing new. It never sees a painted picture, nor CLIP.
"""

import argparse
import time
from pathlib import Path
from random import Random

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from torch import Tensor
from torch.nn.functional import cross_entropy, l1_loss

from training.autoencoder import to_pixels
from training.committed import Committed
from training.detector_data import Example, sample_example, spoil
from training.detector_model import Detector, DetectorNet, save_detector
from training.detector_targets import Targets, targets_of
from training.evaluate_detector import reconstructions, share_right
from training.precision import mixed_precision
from training.run import Run, add_run_arguments, options_from

RECONSTRUCTED = 0.25
"""Share of a batch that comes from the pool of reconstructions."""
COMMITTED = Path("models/detector")
EXPORT_EVERY = 180.0
"""Seconds between exports."""
TRIAL_SCENES = 128
"""Scenes that an export is tried on, for the log."""
SETTLING_BATCHES = 24
"""Batches whose statistics the exported batch norms hold."""


class ReconstructionPool:
    """Examples whose pictures the autoencoder has encoded and decoded; each serves several times."""

    def __init__(self, folder: Path, size: int, rng: Random) -> None:
        self.autoencoder = AutoencoderDC.from_pretrained(folder, dtype=torch.float32).eval()
        self.rng = rng
        self.examples = self._fresh(size)
        self._oldest = 0

    def _fresh(self, count: int) -> list[Example]:
        examples: list[Example] = []
        for first in range(0, count, 16):
            part = [sample_example(self.rng) for _ in range(min(16, count - first))]
            with mixed_precision(torch.device("cpu")):
                pixels = reconstructions(self.autoencoder, to_pixels(np.stack([e.picture for e in part])))
            pictures = ((pixels + 1) * 127.5).permute(0, 2, 3, 1).round().byte().numpy()
            examples += [Example(p, e.setting, e.spots) for p, e in zip(pictures, part, strict=True)]
        return examples

    def renew(self, count: int) -> None:
        """Replaces the `count` oldest examples."""
        for example in self._fresh(count):
            self.examples[self._oldest] = example
            self._oldest = (self._oldest + 1) % len(self.examples)


def make_batch(rng: Random, size: int, pool: ReconstructionPool) -> tuple[Tensor, Targets]:
    """Pixels (size, 3, 128, 128) in -1..1 and what they show."""
    old = round(size * RECONSTRUCTED)
    examples = rng.sample(pool.examples, old) + [sample_example(rng) for _ in range(size - old)]
    spoiled = [spoil(example, rng) for example in examples]
    pixels = to_pixels(np.stack([example.picture for example in spoiled]))
    return pixels.contiguous(memory_format=torch.channels_last), targets_of(spoiled)


def focal_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """CenterNet's loss per thing: cells near a centre are hardly wrong, easy cells hardly count."""
    chance = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    positive = heat == 1
    hit = ((1 - chance).square() * chance.log())[positive].sum()
    miss = ((1 - heat).pow(4) * chance.square() * (1 - chance).log())[~positive].sum()
    return -(hit + miss) / positive.sum().clamp(min=1)


def losses(net: torch.nn.Module, pixels: Tensor, targets: Targets) -> tuple[Tensor, dict[str, Tensor]]:
    """The total, and what the log shows."""
    out = net(pixels)
    total_weight = targets.weight.sum()
    mean = {
        name: (cross_entropy(out[name], wanted, reduction="none") * targets.weight).sum() / total_weight
        for name, wanted in (("thing", targets.thing), ("colour", targets.colour))
    }
    box = l1_loss(out["box"], targets.box, reduction="none").sum(1)
    mean["box"] = (box * targets.weight).sum() / total_weight
    mean["heat"] = focal_loss(out["heat"][:, 0], targets.heat)
    mean["setting"] = cross_entropy(out["setting"], targets.setting)
    centre = targets.heat == 1
    right = (out["thing"].argmax(1) == targets.thing)[centre].float().mean()
    total = mean["heat"] + mean["thing"] + 0.5 * mean["colour"] + mean["box"] + 0.5 * mean["setting"]
    return total, mean | {"right_thing": right}


def export(run: Run, folder: Path, pool: ReconstructionPool, batch: int) -> None:
    """Writes the averaged network; its batch norms take the statistics that the averaged weights make."""
    net = DetectorNet()
    net.load_state_dict(run.model.state_dict())
    run.ema.copy_to(net)
    net.train()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    rng = Random(run.step)
    with torch.no_grad(), run.autocast():
        for _ in range(SETTLING_BATCHES):
            net(make_batch(rng, batch, pool)[0])
    save_detector(net, folder)
    run.log(whole_scenes_right=share_right(Detector(net), TRIAL_SCENES))
    run.write_state(folder)


def load_committed(net: DetectorNet) -> None:
    """Puts the exported weights into `net`."""
    net.load_state_dict(Detector.load(COMMITTED).net.state_dict())


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up; checkpoints lie in runs/detector, the export in `--out`."""
    torch.manual_seed(args.seed)
    net = DetectorNet()
    net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.99), weight_decay=0.02)
    run = Run("detector", net, optimizer, options_from(args), Committed(COMMITTED, lambda: load_committed(net)))
    rng = Random(args.seed * 1_000_003 + run.step)
    pool = ReconstructionPool(Path(args.autoencoder), args.pool, rng)
    exported = time.monotonic()
    for step in run.steps():
        pool.renew(16 if step % 16 == 15 else 0)
        pixels, targets = make_batch(rng, args.batch, pool)
        with run.autocast():
            loss, means = losses(net, pixels.to(run.device), targets.to(run.device))
        run.update(loss, 50, **means)
        if time.monotonic() - exported > EXPORT_EVERY:
            export(run, Path(args.out), pool, args.batch)
            exported = time.monotonic()
    export(run, Path(args.out), pool, args.batch)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the detector that judges the painter.")
    add_run_arguments(parser, minutes=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--pool", type=int, default=1024, help="reconstructions kept in memory")
    parser.add_argument("--autoencoder", default="models/painter/vae")
    parser.add_argument("--out", default="models/detector")
    train(parser.parse_args())
