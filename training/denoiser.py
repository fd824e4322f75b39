"""Trains the painter's denoiser on the frozen autoencoder's latents, steered by CLIP's text tower.

Usage: python -m training.denoiser --minutes 60 [--resume]
Flow matching (arXiv 2210.02747) with logit-normal timesteps (arXiv 2403.03206) and dropped prompts for
classifier-free guidance (arXiv 2207.12598). The text tower begins as CLIP's and learns along.
Exports a whole SanaPipeline folder every few minutes. In a fresh clone `--resume` goes on from models/painter; the
heads that only training has begin anew then.
"""

import argparse
import copy
import shutil
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy
from transformers import CLIPTextModel, CLIPTokenizer

from training.clip_tokenizer import MAX_LENGTH
from training.committed import STATE, Committed
from training.detector_model import Detector
from training.evaluate_painter import MANY_STEPS, judge_painter, load_brushes
from training.latent_pool import LatentPool
from training.muon import MuonAdamW, muon_groups
from training.painter_model import (
    PainterParts,
    build_denoiser,
    load_autoencoder,
    load_denoiser,
    load_text_tower,
    save_painter,
)
from training.run import RUNS, Run, add_run_arguments, options_from, pick_device
from training.world import CANVAS, Scene, caption
from training.world.words import known_words

DROP_PROMPT = 0.1
NOISE_MEAN = 0.3
"""Mean of logit(sigma): above 0 because what to paint is decided at high noise."""
PLAN_WEIGHTS = {"thing": 0.2, "colour": 0.1}
"""Of the heads' cross entropy, next to the flow loss."""
ENDS = ("proj_out", "time_embed", "patch_embed", "thing", "colour")
"""First and last layers, which Muon does not suit."""
EXPORT_EVERY = 300.0
"""Seconds between exports."""
TRIAL_STEPS, TRIAL_CASES = 8, 8
"""Steps, and prompts of each task, of the look at every export."""
COMMITTED = Path("models/painter")
DETECTOR = Path("models/detector")
AUTOENCODERS = (RUNS / "autoencoder" / "export", COMMITTED / "vae")
"""Where the autoencoder is looked for: the one in training before the committed one."""
DEFAULTS: dict[str, object] = {
    "steps": 20,
    "guidance_scale": 3.0,
    "size": CANVAS,
    "max_sequence_length": 40,
    "complex_human_instruction": None,
    "use_resolution_binning": False,
    "clean_caption": False,
    "words": known_words(),
}
"""Arguments of a pipeline call that suit this checkpoint."""


def losses(
    model: PainterParts, latents: Tensor, tokens: tuple[Tensor, Tensor], labels: dict[str, Tensor], sigma: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Total loss, and figures for the log: the flow loss, and how often the plan names a shown thing right.

    `latents` (B, 8, 16, 16), `tokens` ids and mask (B, L), `labels` class indices (B, 64), `sigma` (B,) in 0-1.
    """
    noise = torch.randn_like(latents)
    level = sigma.view(-1, 1, 1, 1)
    output = model((1 - level) * latents + level * noise, sigma, *tokens)
    flow = (output["velocity"].float() - (noise - latents)).square().mean()
    total = flow
    for name, weight in PLAN_WEIGHTS.items():
        total = total + weight * cross_entropy(output[name].float().flatten(0, 1), labels[name].flatten())
    shown = labels["thing"] > 0
    planned = (output["thing"].argmax(-1) == labels["thing"])[shown].float().mean()
    return total, {"flow": flow.detach(), "planned": planned}


def attention_backends(device: torch.device) -> list[SDPBackend]:
    """On a CPU plain matrix products are faster than the fused kernel for these few, short, masked keys."""
    if device.type == "cpu":
        return [SDPBackend.MATH]
    return [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def sample_sigmas(count: int, device: torch.device) -> Tensor:
    """Logit-normal noise levels (count,), one from each equal share of the distribution: less noisy gradients."""
    shares = (torch.arange(count, device=device) + torch.rand(count, device=device)) / count
    return torch.sigmoid(torch.special.ndtri(shares.clamp(1e-4, 1 - 1e-4)) + NOISE_MEAN)


def tokens_for(
    scenes: list[Scene], rng: Random, tokenizer: CLIPTokenizer, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Ids and mask (B, L) of a fresh caption for each scene; some are empty, for classifier-free guidance."""
    prompts = ["" if rng.random() < DROP_PROMPT else caption(scene, rng) for scene in scenes]
    tokens = tokenizer(prompts, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt").to(device)
    return tokens["input_ids"], tokens["attention_mask"]


def load_text(clip: Path, resume: bool) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """CLIP's text tower and tokenizer; the painter's own where its committed weights are resumed."""
    if resume and (COMMITTED / "transformer" / STATE).exists() and not (RUNS / "denoiser" / "state.json").exists():
        return load_text_tower(COMMITTED / "text_encoder", COMMITTED / "tokenizer")
    return load_text_tower(clip, clip)


def load_committed(parts: PainterParts) -> None:
    """Puts the exported denoiser into `parts`, whose text tower is the exported one already (`load_text`)."""
    load_denoiser(parts.denoiser, COMMITTED / "transformer")


def train(args: argparse.Namespace) -> None:
    """Trains until the time is up; checkpoints lie in runs/denoiser, the pipeline in `--out`."""
    torch.manual_seed(args.seed)
    device = pick_device(args.device)
    autoencoder = load_autoencoder(Path(args.autoencoder)).to(device)
    rng = Random(time.time_ns() if args.resume else args.seed)
    pool = LatentPool(autoencoder, args.pool, rng, device)
    tower, tokenizer = load_text(Path(args.clip), args.resume)
    model = PainterParts(build_denoiser(tower.config.hidden_size), tower)
    nn.init.zeros_(model.denoiser.proj_out.weight)
    optimizer = MuonAdamW(muon_groups(model, args.lr, 0.01, ENDS))
    committed = Committed(COMMITTED / "transformer", lambda: load_committed(model))
    run = Run("denoiser", model, optimizer, options_from(args, ema_decay=0.999), committed)
    exported = time.monotonic()
    for _ in run.steps():
        pool.renew(args.renew)
        scenes, latents, labels = pool.batch(args.batch)
        tokens = tokens_for(scenes, rng, tokenizer, run.device)
        with run.autocast(), sdpa_kernel(attention_backends(run.device)):
            loss, scores = losses(model, latents, tokens, labels, sample_sigmas(args.batch, run.device))
        run.update(loss, **scores)
        if time.monotonic() - exported > EXPORT_EVERY:
            export(run, tokenizer, args, pool.scale)
            exported = time.monotonic()
    export(run, tokenizer, args, pool.scale)


def export(run: Run, tokenizer: CLIPTokenizer, args: argparse.Namespace, scale: float) -> None:
    """Writes the averaged denoiser and text tower with the autoencoder as one pipeline folder."""
    autoencoder = load_autoencoder(Path(args.autoencoder))
    autoencoder.register_to_config(scaling_factor=scale)
    parts = copy.deepcopy(run.model)
    assert isinstance(parts, PainterParts)
    run.ema.copy_to(parts)
    out = Path(args.out)
    save_painter(out, parts.denoiser.cpu(), autoencoder, (parts.text.cpu(), tokenizer), DEFAULTS)
    run.log(prompts_fulfilled=trial(out))
    run.write_state(out / "transformer")
    state, copied = Path(args.autoencoder) / STATE, out / "vae" / STATE
    if state.exists() and state != copied:
        shutil.copyfile(state, copied)


def trial(folder: Path) -> float:
    """The share of a few prompts of every task that the exported painter fulfils, in few steps: a look, no verdict."""
    brush = load_brushes(folder)[MANY_STEPS]
    quick = replace(brush, arguments=brush.arguments | {"num_inference_steps": TRIAL_STEPS})
    return judge_painter(quick, Detector.load(DETECTOR), TRIAL_CASES)["overall"]["all"]["share"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the painter's denoiser.")
    add_run_arguments(parser, minutes=60)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--pool", type=int, default=4000, help="encoded scenes kept in memory")
    parser.add_argument("--renew", type=int, default=2, help="scenes replaced in each step")
    parser.add_argument("--clip", default="models/clip", help="whose text tower to begin with")
    found = next((folder for folder in AUTOENCODERS if folder.exists()), AUTOENCODERS[0])
    parser.add_argument("--autoencoder", default=str(found))
    parser.add_argument("--out", default="runs/denoiser/export")
    train(parser.parse_args())
