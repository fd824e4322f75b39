"""Trains the painter's autoencoder (diffusers AutoencoderDC): 8x smaller sides, 8 channels.

Usage: python -m training.autoencoder --minutes 30 [--resume] [--freeze-encoder]
Begins as a linear codec (`linear_start`). With `--freeze-encoder` only the decoder learns, so that a
denoiser can be trained on the latents at the same time. In a fresh clone `--resume` goes on from models/painter/vae.
Learns on random 64-px crops of the world; the loss is L1 on pixels and on their gradients, plus a
weak penalty on large latents. Deep Compression Autoencoder: arXiv 2410.10733.
"""

import argparse
import copy
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from torch import Tensor, nn

from training.committed import Committed
from training.linear_start import start_linear
from training.run import Run, add_run_arguments, options_from
from training.world import CANVAS, render, sample_scene

CROP = 64
LATENT_CHANNELS = 8
BLOCKS = (16, 32, 64, 128)
LATENT_PENALTY = 1e-4
GRADIENT_WEIGHT = 1.0
NORM_LR_FACTOR = 8.0
EXPORT_EVERY = 180.0
"""Seconds between exports."""
COMMITTED = Path("models/painter/vae")
START_CROPS = 400
"""Crops whose principal components the training begins with."""


def build_autoencoder() -> AutoencoderDC:
    """An untrained AutoencoderDC: (B, 3, 8h, 8w) pixels in -1..1 to (B, 8, h, w) latents."""
    return AutoencoderDC(
        latent_channels=LATENT_CHANNELS,
        encoder_block_types="ResBlock",
        decoder_block_types="ResBlock",
        encoder_block_out_channels=BLOCKS,
        decoder_block_out_channels=BLOCKS,
        encoder_layers_per_block=(1, 1, 1, 2),
        decoder_layers_per_block=(1, 2, 2, 3),
        encoder_qkv_multiscales=((), (), (), ()),
        decoder_qkv_multiscales=((), (), (), ()),
    )


def to_pixels(pictures: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) to float32 (B, 3, H, W) in -1..1."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def crops(rng: Random, batch: int) -> np.ndarray:
    """uint8 (batch, CROP, CROP, 3); two crops of each picture, three of four on the latent grid."""
    out = np.empty((batch, CROP, CROP, 3), np.uint8)
    picture = np.empty(0)
    for k in range(batch):
        if k % 2 == 0:
            picture = render(sample_scene(rng))
        step = 8 if rng.random() < 0.75 else 1
        x, y = (rng.randrange(0, CANVAS - CROP + 1, step) for _ in range(2))
        out[k] = picture[y : y + CROP, x : x + CROP]
    return out


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """L1 on pixels plus L1 on their horizontal and vertical differences (sharp edges)."""
    difference = output.float() - target
    loss = difference.abs().mean()
    edges = difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()
    return loss + GRADIENT_WEIGHT * edges


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures of the peak signal-to-noise ratio in dB; both (B, 3, H, W) in -1..1."""
    error = (output.clamp(-1, 1) - target).square().mean((1, 2, 3)) / 4
    return (-10 * error.log10()).mean()


def parameter_groups(model: nn.Module, lr: float) -> list[dict[str, Any]]:
    """Norms learn faster: the linear start has them at zero, where residual blocks are silent."""
    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    norms = [p for name, p in trained if ".norm." in name]
    others = [p for name, p in trained if ".norm." not in name]
    return [{"params": norms, "lr": NORM_LR_FACTOR * lr}, {"params": others, "lr": lr}]


def load_committed(model: AutoencoderDC) -> None:
    """Puts the exported weights into `model`. Raises RuntimeError when they are of another shape."""
    model.load_state_dict(AutoencoderDC.from_pretrained(COMMITTED, torch_dtype=torch.float32).state_dict())


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up; checkpoints lie in runs/autoencoder."""
    torch.manual_seed(args.seed)
    model = build_autoencoder()
    start_linear(model, to_pixels(crops(Random(args.seed), START_CROPS)))
    model.encoder.requires_grad_(requires_grad=not args.freeze_encoder)
    optimizer = torch.optim.AdamW(parameter_groups(model, args.lr), betas=(0.9, 0.99), weight_decay=0.0)
    committed = Committed(COMMITTED, lambda: load_committed(model))
    run = Run("autoencoder", model, optimizer, options_from(args, warmup_steps=100), committed)
    model.to(memory_format=torch.channels_last)
    rng = Random(args.seed * 1_000_003 + run.step)
    export(run, Path(args.out))
    exported = time.monotonic()
    for step in run.steps():
        target = to_pixels(crops(rng, args.batch)).to(run.device, memory_format=torch.channels_last)
        with run.autocast():
            with torch.set_grad_enabled(not args.freeze_encoder):
                latents = model.encode(target, return_dict=False)[0]
            output = model.decode(latents, return_dict=False)[0]
        loss = reconstruction_loss(output, target)
        penalty = LATENT_PENALTY * latents.float().square().mean()
        run.update(loss + penalty, psnr=psnr(output.detach().float(), target) if step % 50 == 49 else 0.0)
        if time.monotonic() - exported > EXPORT_EVERY:
            export(run, Path(args.out))
            exported = time.monotonic()
    export(run, Path(args.out))


def export(run: Run, folder: Path) -> None:
    """Writes the averaged weights as a diffusers folder (fp32; the painter's export rounds them)."""
    averaged = copy.deepcopy(run.model)
    run.ema.copy_to(averaged)
    averaged.save_pretrained(folder)
    run.write_state(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the painter's autoencoder.")
    add_run_arguments(parser, minutes=30)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--freeze-encoder", action="store_true")
    parser.add_argument("--out", default="runs/autoencoder/export")
    train(parser.parse_args())
