"""Trains the VLM in three stages: copying, then text, then text with images.

Usage: python -m training.vlm.train --stage copy|text|joint --minutes 10 [--resume]
All stages share one checkpoint (runs/vlm); the joint stage needs CLIP's export, whose tower stays frozen.
"""

import argparse
from pathlib import Path
from random import Random

import torch
from torch import nn
from transformers import AutoTokenizer, CLIPVisionModel

from training.ema import Ema
from training.muon import MuonAdamW, muon_groups
from training.run import RUNS, Run, add_run_arguments, options_from
from training.vlm.batches import Diet, batches
from training.vlm.chat import Picture
from training.vlm.conversations import Mix
from training.vlm.model import TrainedParts, image_features, initialise_projector, untrained_vision_config
from training.vlm.pictures import PictureSource
from training.vlm.tokenizer import train_tokenizer
from training.world import sample_scene

TOKENIZER = RUNS / "vlm" / "tokenizer"
DIETS = {
    "copy": Diet(copying=1.0, mix=Mix(), images=False),
    "text": Diet(copying=0.08, mix=Mix(), images=False),
    "joint": Diet(
        copying=0.04, mix=Mix(drawing=7.0, reading=2.0, looking=5.0, words=3.0, more_turns=0.25), images=True
    ),
}


def load_tower(folder: Path) -> nn.Module:
    """CLIP's image tower in fp32, for looking only."""
    tower = CLIPVisionModel.from_pretrained(folder, dtype=torch.float32)
    return tower.requires_grad_(False).eval()


def start_projector(run: Run, model: TrainedParts, clip: Path) -> None:
    """Fits the projector's first weights to the tower; needed once, when images come in."""
    scenes: list[Picture] = [sample_scene(Random(number)) for number in range(128)]
    pixels = PictureSource(seed=1, pool=1).batch(scenes, Random(1))
    initialise_projector(model.projector, image_features(load_tower(clip), pixels).to(run.device))
    run.ema = Ema(model, run.options.ema_decay)


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up."""
    torch.manual_seed(args.seed)
    if not (TOKENIZER / "tokenizer.json").exists():
        train_tokenizer().save_pretrained(TOKENIZER)
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    model = TrainedParts(untrained_vision_config())
    optimizer = MuonAdamW(muon_groups(model, args.lr, 0.01, ("lm_head",)))
    run = Run("vlm", model, optimizer, options_from(args, warmup_steps=100, ema_decay=0.995))
    diet = DIETS[args.stage]
    tower = load_tower(Path(args.clip)).to(run.device) if diet.images else None
    source = PictureSource(seed=7) if diet.images else None
    if args.fresh_projector:
        start_projector(run, model, Path(args.clip))
    rng = Random(args.seed * 1_000_003 + run.step)
    feed = batches(rng, tokenizer, diet)
    for _ in run.steps():
        batch = next(feed)
        with run.autocast():
            features = None
            if tower is not None and source is not None and batch.pictures:
                features = image_features(tower, source.batch(batch.pictures, rng).to(run.device))
            loss, right = model.loss(batch.ids.to(run.device), batch.wanted.to(run.device), features)
        run.update(loss, right=right, samples=len(batch.ids))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the VLM.")
    add_run_arguments(parser, minutes=10)
    parser.add_argument("--stage", choices=sorted(DIETS), required=True)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--fresh-projector", action="store_true", help="begin the projector anew for this CLIP")
    parser.add_argument("--clip", default="models/clip")
    train(parser.parse_args())
