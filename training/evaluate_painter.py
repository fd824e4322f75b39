"""Measures the painter: its autoencoder, whether CLIP recognises what was asked for, and the time it takes."""

import json
import time
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from PIL import Image, ImageDraw
from torch import Tensor

from training.autoencoder import psnr
from training.clip_data import pixels_of
from training.evaluate_clip import ClipJudge, held_out_scenes
from training.intervals import proportion
from training.world import Group, Scene, caption, sample_scene

EXAMPLE = "an orange cat in a cardboard box"
TILE = 128
CAPTION_ROWS = 24


def evaluate_autoencoder(folder: Path, judge: ClipJudge, count: int = 192) -> dict[str, Any]:
    """PSNR on held-out pictures, and how often CLIP still picks the caption, before and after."""
    vae = AutoencoderDC.from_pretrained(folder / "vae", dtype=torch.float32).eval()
    scenes, rng = held_out_scenes(count, offset=100)
    captions = [caption(scene, rng) for scene in scenes]
    pixels = pixels_of(scenes)
    with torch.no_grad():
        parts = [vae.decode(vae.encode(part).latent).sample for part in pixels.split(16)]
    rebuilt = torch.cat(parts).clamp(-1, 1)
    return {
        "psnr_db": round(float(psnr(rebuilt, pixels)), 2),
        "n": count,
        "choice_of_64_originals": choices(judge, pixels, captions),
        "choice_of_64_reconstructions": choices(judge, rebuilt, captions),
    }


def choices(judge: ClipJudge, pixels: Tensor, captions: list[str], among: int = 64) -> dict[str, float | int]:
    """How often CLIP picks a picture's own caption among `among` of them, in consecutive groups."""
    right = total = 0
    for first in range(0, len(captions) - among + 1, among):
        group = slice(first, first + among)
        scores = judge.similarity(pixels[group], captions[group])
        right += int((scores.argmax(1) == torch.arange(among)).sum())
        total += among
    return proportion(right, total)


def load_painter(folder: Path) -> tuple[SanaPipeline, dict[str, Any]]:
    """The pipeline in fp32 and the arguments of a call that its folder recommends."""
    pipeline = SanaPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    own = json.loads((folder / "diptych.json").read_text())
    arguments = {
        "num_inference_steps": own["steps"],
        "guidance_scale": own["guidance_scale"],
        "height": own["size"],
        "width": own["size"],
        **{key: own[key] for key in ("max_sequence_length", "complex_human_instruction")},
        **{key: own[key] for key in ("use_resolution_binning", "clean_caption")},
    }
    return pipeline, arguments


def paint(pipeline: SanaPipeline, prompts: list[str], arguments: dict[str, Any], batch: int = 16) -> Tensor:
    """Pictures (B, 3, 128, 128) in -1..1; prompt number k is painted with seed k."""
    parts: list[Tensor] = []
    for first in range(0, len(prompts), batch):
        group = prompts[first : first + batch]
        seeds = [torch.Generator().manual_seed(first + k) for k in range(len(group))]
        images = pipeline(group, generator=seeds, output_type="np", **arguments).images
        parts.append(torch.from_numpy(np.asarray(images)).permute(0, 3, 1, 2).float() * 2 - 1)
    return torch.cat(parts)


def single_thing_scenes(count: int, rng: Random) -> list[Scene]:
    """One large thing in the middle: the easiest that can be asked for."""
    scenes = [sample_scene(rng, {"single": 1.0}) for _ in range(count)]
    return [Scene(s.setting, (Group(s.groups[0].thing, s.groups[0].colour, "large"),)) for s in scenes]


def contact_sheet(pixels: Tensor, captions: list[str], path: Path) -> None:
    """All pictures in rows of eight with their prompts, uncurated, as a JPEG."""
    rows = (len(captions) + 7) // 8
    sheet = Image.new("RGB", (8 * TILE, rows * (TILE + CAPTION_ROWS)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, (picture, text) in enumerate(zip(pixels, captions, strict=True)):
        x, y = index % 8 * TILE, index // 8 * (TILE + CAPTION_ROWS)
        array = ((picture.permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255).astype(np.uint8)
        sheet.paste(Image.fromarray(array), (x, y))
        lines = [text[start : start + 25] for start in range(0, min(len(text), 50), 25)]
        draw.multiline_text((x + 1, y + TILE), "\n".join(lines), fill="black", font_size=9, spacing=0)
    sheet.save(path, quality=80)


def evaluate_painter(folder: Path, judge: ClipJudge, sheet: Path | None = None) -> dict[str, Any]:
    """CLIP's choice among 64 prompts for 64 mixed scenes and 64 large single things; seconds a picture."""
    pipeline, arguments = load_painter(folder)
    scenes, rng = held_out_scenes(64, offset=200)
    mixed = [EXAMPLE, *(caption(scene, rng) for scene in scenes[1:])]
    single = [caption(scene, rng) for scene in single_thing_scenes(64, rng)]
    pictures = paint(pipeline, mixed, arguments)
    begun = time.perf_counter()
    paint(pipeline, mixed[:1], arguments)
    seconds = time.perf_counter() - begun
    if sheet is not None:
        contact_sheet(pictures, mixed, sheet)
    return {
        "mixed_choice_of_64": choices(judge, pictures, mixed),
        "mixed_choice_of_16": choices(judge, pictures, mixed, 16),
        "single_choice_of_64": choices(judge, paint(pipeline, single, arguments), single),
        "steps": arguments["num_inference_steps"],
        "guidance_scale": arguments["guidance_scale"],
        "seconds_per_picture": round(seconds, 2),
    }
