"""Trains the VLM in three stages: drills, then text, then text with images.

Usage: python -m training.vlm.train --stage drill|text|joint --minutes 10 [--resume]
All stages share one checkpoint (runs/vlm). The first joint call takes its eyes from CLIP's export (`--fresh-eyes`);
the tower then goes on learning, at half the rate, from answers and from what stands in each patch. In a fresh clone
`--resume` goes on from models/vlm; the heads over patches, which no export has, begin anew then.
"""

import argparse
from functools import partial
from pathlib import Path
from random import Random

import torch
from torch import Tensor
from transformers import AutoTokenizer, CLIPVisionModel, PreTrainedTokenizerBase

from training import feeding
from training.committed import Committed
from training.ema import Ema
from training.muon import MuonAdamW, muon_groups
from training.run import RUNS, Run, add_run_arguments, options_from
from training.vlm.batches import Batch, Diet, batches
from training.vlm.chat import Picture
from training.vlm.conversations import Mix
from training.vlm.export import load_exported
from training.vlm.model import TrainedParts, initialise_projector, untrained_vision_config
from training.vlm.pictures import PictureSource, as_input
from training.vlm.tokenizer import train_tokenizer
from training.world import sample_scene

TOKENIZER = RUNS / "vlm" / "tokenizer"
COMMITTED = Path("models/vlm")
DIETS = {
    "drill": Diet(drills=1.0, mix=Mix(), images=False),
    "text": Diet(drills=0.4, mix=Mix(), images=False),
    "joint": Diet(
        drills=0.05,
        mix=Mix(drawing=4.0, reading=2.5, pages=3.5, looking=9.0, words=2.0, functions=6.0, more_turns=0.15),
        images=True,
    ),
}
ADAM = ("lm_head", "patch_embedding", "thing", "colour")
TOWER_RATE = 0.5
"""The tower's learning rate, as a share of the others'."""
PATCH_WEIGHT = 0.3


def parameter_groups(model: TrainedParts, lr: float) -> list[dict]:
    """The optimizer's groups: the tower's learn more slowly, for it comes trained."""
    own = set(model.tower.parameters())
    groups = muon_groups(model, lr, 0.01, ADAM)
    slow = [group | {"params": [p for p in group["params"] if p in own], "lr": lr * TOWER_RATE} for group in groups]
    return [group | {"params": [p for p in group["params"] if p not in own]} for group in groups] + slow


def start_eyes(run: Run, model: TrainedParts, clip: Path) -> None:
    """Takes CLIP's tower, and fits the projector's first weights to it; needed once, when images come in."""
    tower = CLIPVisionModel.from_pretrained(clip, dtype=torch.float32)
    model.tower.load_state_dict(tower.state_dict())
    scenes: list[Picture] = [sample_scene(Random(number)) for number in range(128)]
    pixels = PictureSource(seed=1, pool=1).batch(scenes, Random(1)).pixels
    with torch.no_grad():
        initialise_projector(model.projector, model.look(as_input(pixels.to(run.device))))
    run.ema = Ema(model, run.options.ema_decay)


def load_tokenizer(from_export: bool) -> PreTrainedTokenizerBase:
    """The run's tokenizer; where it has none, the exported one or a new one."""
    if not (TOKENIZER / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(COMMITTED) if from_export else train_tokenizer()
        tokenizer.save_pretrained(TOKENIZER)
    return AutoTokenizer.from_pretrained(TOKENIZER)


def step_loss(model: TrainedParts, batch: Batch, device: torch.device) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss, and figures for the log: the answers' loss and accuracy, and the patches' accuracy."""
    features, patch_loss, seen = None, torch.zeros(()), torch.zeros(())
    if batch.pictures is not None:
        pictures = batch.pictures.to(device)
        features = model.look(as_input(pictures.pixels))
        patch_loss, seen = model.patch_loss(features[pictures.scenes], pictures.things, pictures.colours)
    asked = features[: batch.asked] if features is not None and batch.asked else None
    answers, right = model.loss(batch.ids.to(device), batch.wanted.to(device), asked)
    total = answers + PATCH_WEIGHT * patch_loss
    return total, {"right": right, "answers": answers.detach(), "patches": seen}


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up."""
    torch.manual_seed(args.seed)
    model = TrainedParts(untrained_vision_config())
    optimizer = MuonAdamW(parameter_groups(model, args.lr))
    committed = Committed(COMMITTED, lambda: load_exported(model, COMMITTED))
    tokenizer = load_tokenizer(args.resume and committed.is_there())
    run = Run("vlm", model, optimizer, options_from(args, warmup_steps=100, ema_decay=0.998), committed)
    if args.fresh_eyes:
        start_eyes(run, model, Path(args.clip))
    stream = partial(batches, tokenizer=tokenizer, diet=DIETS[args.stage], tokens=args.tokens)
    feed = feeding.batches(stream, args.seed * 1_000_003 + run.step, feeding.processes_for(run.device))
    for _, batch in zip(run.steps(), feed, strict=False):
        with run.autocast():
            loss, figures = step_loss(model, batch, run.device)
        run.update(loss, samples=len(batch.ids), **figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the VLM.")
    add_run_arguments(parser, minutes=10)
    parser.add_argument("--stage", choices=sorted(DIETS), required=True)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--tokens", type=int, default=2600, help="in a batch; a GPU takes some 32,000 as fast")
    parser.add_argument("--fresh-eyes", action="store_true", help="begin with this CLIP's tower and a new projector")
    parser.add_argument("--clip", default="models/clip")
    train(parser.parse_args())
