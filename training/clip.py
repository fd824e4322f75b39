"""Trains CLIP on the world: its image tower becomes the VLM's eyes, its text tower steers the painter.

Usage: python -m training.clip --minutes 20 [--resume] [--batch 64]
Contrastive loss of CLIP (arXiv 2103.00020) with near misses in the batch, plus dense supervision of the
image tower: thing and colour of every patch; setting, count and relation of the whole.
Exports every few minutes, so that what depends on CLIP can begin. In a fresh clone `--resume` goes on from
models/clip; the heads of the dense supervision, which no export has, begin anew then.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, CLIPModel, CLIPTokenizer

from training.checkpoint import make_readable
from training.clip_data import ClipBatch, random_batches
from training.clip_model import ClipWithHeads, build_clip, image_processor
from training.clip_tokenizer import train_tokenizer
from training.committed import STATE, Committed
from training.evaluate_clip import evaluate_clip
from training.feeding import batches, processes_for
from training.muon import MuonAdamW, muon_groups
from training.run import RUNS, Run, add_run_arguments, options_from

HEAD_WEIGHTS = {"thing": 1.0, "colour": 0.5, "setting": 0.2, "count": 0.2, "relation": 0.2}
EXPORT_EVERY = 240.0
"""Seconds between exports."""
COMMITTED = Path("models/clip")


def load_tokenizer(run: Path, resume: bool) -> CLIPTokenizer:
    """The tokenizer of a run; where its weights will be the committed ones the committed one, a new one at first."""
    folder = run / "tokenizer"
    if resume and (COMMITTED / STATE).exists() and not (run / "state.json").exists():
        AutoTokenizer.from_pretrained(COMMITTED).save_pretrained(folder)
    elif not (folder / "tokenizer.json").exists():
        train_tokenizer().save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def load_committed(model: ClipWithHeads) -> None:
    """Puts the exported weights into `model`. Raises RuntimeError when they are of another shape."""
    exported = CLIPModel.from_pretrained(COMMITTED, dtype=torch.float32)
    model.clip.load_state_dict(exported.state_dict())


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """The symmetric loss, and the share of pictures whose own caption scores highest."""
    logits = scale.exp() * image @ text.T
    target = torch.arange(len(logits), device=logits.device)
    loss = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    return loss, (logits.argmax(1) == target).float().mean()


def losses(model: ClipWithHeads, batch: ClipBatch) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss, and accuracies for the log."""
    out = model(batch.pixels, batch.ids, batch.mask)
    total, matched = contrastive_loss(out["image"], out["text"], model.clip.logit_scale)
    scores = {"matched": matched}
    for name, weight in HEAD_WEIGHTS.items():
        logits, target = out[name].float().flatten(0, -2), batch.labels[name].flatten()
        total = total + weight * cross_entropy(logits, target)
        counted = target > 0 if name in ("thing", "colour") else target >= 0
        scores[name] = (logits.argmax(1) == target)[counted].float().mean()
    return total, scores


@torch.no_grad()
def export(run: Run, tokenizer: CLIPTokenizer, folder: Path) -> None:
    """Writes averaged weights as a standard CLIPModel folder in fp16, with processor and tokenizer."""
    copy = ClipWithHeads(build_clip(tokenizer))
    run.ema.copy_to(copy)
    copy.clip.half().save_pretrained(folder)
    image_processor().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    run.log(choice_of_64=evaluate_clip(folder, quick=True)["fresh scenes"]["own caption among 64"]["share"])
    run.write_state(folder)
    make_readable(folder)


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up; checkpoints lie in runs/clip, the export in `--out`."""
    torch.manual_seed(args.seed)
    tokenizer = load_tokenizer(RUNS / "clip", args.resume)
    model = ClipWithHeads(build_clip(tokenizer))
    optimizer = MuonAdamW(muon_groups(model, args.lr, 0.01, ("patch_embedding", "projection")))
    committed = Committed(COMMITTED, lambda: load_committed(model))
    run = Run("clip", model, optimizer, options_from(args, warmup_steps=100), committed)
    stream = partial(random_batches, batch=args.batch, tokenizer=tokenizer)
    feed = batches(stream, args.seed * 1_000_003 + run.step, processes_for(run.device))
    exported = time.monotonic()
    for _, batch in zip(run.steps(), feed, strict=False):
        with run.autocast():
            loss, scores = losses(model, batch.to(run.device))
        run.update(loss, **scores)
        model.clamp_scale()
        if time.monotonic() - exported > EXPORT_EVERY:
            export(run, tokenizer, Path(args.out))
            exported = time.monotonic()
    export(run, tokenizer, Path(args.out))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train CLIP on the synthetic world.")
    add_run_arguments(parser, minutes=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--out", default="models/clip")
    train(parser.parse_args())
