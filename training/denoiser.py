"""Trains the painter's denoiser on the frozen autoencoder's latents, steered by CLIP's text tower.

Usage: python -m training.denoiser --minutes 60 [--resume]
Flow matching (arXiv 2210.02747) with logit-normal timesteps (arXiv 2403.03206) and dropped prompts for
classifier-free guidance (arXiv 2207.12598). Exports a whole SanaPipeline folder every few minutes.
"""

import argparse
import copy
import time
from pathlib import Path
from random import Random

import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.latent_pool import LatentPool
from training.muon import MuonAdamW, muon_groups
from training.painter_model import (
    build_denoiser,
    load_autoencoder,
    load_text_tower,
    prompt_states,
    save_painter,
)
from training.run import Run, add_run_arguments, options_from, pick_device
from training.world import CANVAS, Scene, caption

DROP_PROMPT = 0.1
NOISE_MEAN = 0.3
"""Mean of logit(sigma): above 0 because what to paint is decided at high noise."""
EXPORT_EVERY = 300.0
"""Seconds between exports."""
DEFAULTS: dict[str, object] = {
    "steps": 20,
    "guidance_scale": 3.0,
    "size": CANVAS,
    "max_sequence_length": 40,
    "complex_human_instruction": None,
    "use_resolution_binning": False,
    "clean_caption": False,
}
"""Arguments of a pipeline call that suit this checkpoint."""


def flow_loss(model: nn.Module, latents: Tensor, prompt: tuple[Tensor, Tensor], sigma: Tensor, noise: Tensor) -> Tensor:
    """Mean squared error of the predicted velocity `noise - latents`, per sample (B,).

    `prompt` is hidden states (B, L, width) and mask (B, L); `sigma` (B,) in 0..1.
    """
    level = sigma.view(-1, 1, 1, 1)
    noisy = (1 - level) * latents + level * noise
    output = model(
        noisy,
        encoder_hidden_states=prompt[0],
        encoder_attention_mask=prompt[1],
        timestep=sigma * 1000,
        return_dict=False,
    )[0]
    return (output.float() - (noise - latents)).square().mean((1, 2, 3))


def attention_backends(device: torch.device) -> list[SDPBackend]:
    """On a CPU plain matrix products are faster than the fused kernel for these few, short, masked keys."""
    if device.type == "cpu":
        return [SDPBackend.MATH]
    return [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def sample_sigmas(count: int, device: torch.device) -> Tensor:
    """Logit-normal noise levels (count,), one from each equal share of the distribution: less noisy gradients."""
    shares = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    return torch.sigmoid(torch.special.ndtri(shares.clamp(1e-4, 1 - 1e-4)) + NOISE_MEAN)


def prompts_for(pool: LatentPool, scenes: list[Scene]) -> list[str]:
    """A fresh caption for each scene; some are empty, for classifier-free guidance."""
    return ["" if pool.rng.random() < DROP_PROMPT else caption(scene, pool.rng) for scene in scenes]


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up; checkpoints lie in runs/denoiser, the pipeline in `--out`."""
    torch.manual_seed(args.seed)
    device = pick_device(args.device)
    autoencoder = load_autoencoder(Path(args.autoencoder)).to(device)
    rng = Random(time.time_ns() if args.resume else args.seed)
    pool = LatentPool(autoencoder, args.pool, rng, device)
    tower, tokenizer = load_text_tower(Path(args.clip))
    tower.to(device)
    model = build_denoiser(tower.config.hidden_size)
    nn.init.zeros_(model.proj_out.weight)
    optimizer = MuonAdamW(muon_groups(model, args.lr, 0.01, ("proj_out", "time_embed", "patch_embed")))
    run = Run("denoiser", model, optimizer, options_from(args, ema_decay=0.998))
    exported = time.monotonic()
    for _ in run.steps():
        pool.renew(args.renew)
        scenes, latents = pool.batch(args.batch)
        prompt = prompt_states(tower, tokenizer, prompts_for(pool, scenes))
        sigma = sample_sigmas(args.batch, run.device)
        with run.autocast(), sdpa_kernel(attention_backends(run.device)):
            loss = flow_loss(model, latents, prompt, sigma, torch.randn_like(latents)).mean()
        run.update(loss)
        if time.monotonic() - exported > EXPORT_EVERY:
            export(run, args, pool.scale)
            exported = time.monotonic()
    export(run, args, pool.scale)


def export(run: Run, args: argparse.Namespace, scale: float) -> None:
    """Writes the averaged denoiser with its autoencoder and text tower as one pipeline folder."""
    text = load_text_tower(Path(args.clip))
    autoencoder = load_autoencoder(Path(args.autoencoder))
    autoencoder.register_to_config(scaling_factor=scale)
    denoiser = copy.deepcopy(run.model)
    assert isinstance(denoiser, SanaTransformer2DModel)
    run.ema.copy_to(denoiser)
    save_painter(Path(args.out), denoiser.cpu(), autoencoder, text, DEFAULTS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the painter's denoiser.")
    add_run_arguments(parser, minutes=60)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--pool", type=int, default=4000, help="encoded scenes kept in memory")
    parser.add_argument("--renew", type=int, default=1, help="scenes replaced in each step")
    parser.add_argument("--clip", default="models/clip")
    parser.add_argument("--autoencoder", default="runs/autoencoder/export")
    parser.add_argument("--out", default="models/painter")
    train(parser.parse_args())
