"""Measures the painter: what the detector finds of what was asked for, task by task, and the time a picture takes.

Knows the exported pipeline folder, in each setting that its `diptych.json` names. Does not know the training.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

from training.detector_model import Detector
from training.evaluate_detector import passed
from training.evaluate_tasks import ALL_TASKS, TASKS, Case, cases
from training.intervals import Figure, median, proportion

THREADS = 2
"""CPU threads while timing."""
WARM_UP = 3
"""Pictures painted before the clock counts."""
MANY_STEPS, FAST = "many steps", "fast"


@dataclass(frozen=True)
class Brush:
    """A painter as it is called in one of its settings."""

    pipeline: SanaPipeline
    arguments: dict[str, Any]

    def paint(self, prompts: Sequence[str], batch: int = 16) -> Tensor:
        """Pictures (B, 3, 128, 128) in -1..1; prompt number k is painted with seed k."""
        parts: list[Tensor] = []
        for first in range(0, len(prompts), batch):
            images = self._call(list(prompts[first : first + batch]), first, "np")
            parts.append(torch.from_numpy(np.asarray(images)).permute(0, 3, 1, 2).float() * 2 - 1)
        return torch.cat(parts)

    def paint_png(self, prompt: str, seed: int) -> bytes:
        """One picture as a file."""
        self._call([prompt], seed, "pil")[0].save(file := BytesIO(), "PNG")
        return file.getvalue()

    def _call(self, prompts: list[str], first_seed: int, output_type: str) -> Any:
        seeds = [torch.Generator().manual_seed(first_seed + k) for k in range(len(prompts))]
        return self.pipeline(prompts, generator=seeds, output_type=output_type, return_dict=False, **self.arguments)[0]


def load_brushes(folder: Path) -> dict[str, Brush]:
    """In fp32: the folder's pipeline with MANY_STEPS and, where `diptych.json` names it, its distilled one: FAST."""
    own = json.loads((folder / "diptych.json").read_text())
    usual = SanaPipeline.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    brushes = {MANY_STEPS: Brush(usual, _arguments(own))}
    if FAST in own:
        parts = usual.components | {
            "transformer": SanaTransformer2DModel.from_pretrained(
                folder / "transformer_fast", dtype=torch.float32, local_files_only=True
            ),
            "scheduler": DPMSolverMultistepScheduler.from_pretrained(folder / "scheduler_fast"),
        }
        brushes[FAST] = Brush(SanaPipeline(**parts), _arguments(own | own[FAST]))
    for brush in brushes.values():
        brush.pipeline.set_progress_bar_config(disable=True)
    return brushes


def _arguments(own: dict[str, Any]) -> dict[str, Any]:
    same = ("guidance_scale", "max_sequence_length", "complex_human_instruction", "use_resolution_binning")
    values = {key: own[key] for key in (*same, "clean_caption")}
    return values | {"num_inference_steps": own["steps"], "height": own["size"], "width": own["size"]}


def _by_novelty(asked: list[Case], outcomes: list[bool]) -> dict[str, Figure]:
    """All cases together, those of combinations that training shows, and the held-out ones."""
    figures = {"all": proportion(sum(outcomes), len(outcomes))}
    for name, held_out in (("seen", False), ("held out", True)):
        part = [right for case, right in zip(asked, outcomes, strict=True) if case.held_out is held_out]
        figures[name] = proportion(sum(part), len(part))
    return figures


def judge_painter(brush: Brush, detector: Detector, count: int) -> dict[str, Any]:
    """Every task's share of fulfilled prompts. All tasks have equally many, so "overall" is their mean."""
    figures: dict[str, Any] = {}
    every: list[tuple[Case, bool]] = []
    for name in ALL_TASKS:
        asked = cases(name, count)
        outcomes = passed(detector, brush.paint([case.prompt for case in asked]), [case.wanted for case in asked])
        figures[name] = _by_novelty(asked, outcomes)
        every += zip(asked, outcomes, strict=True) if name in TASKS else ()
    return {"overall": _by_novelty([case for case, _ in every], [right for _, right in every])} | figures


def seconds_per_picture(brush: Brush, count: int) -> Figure:
    """From the prompt to the PNG, one picture at a time, warm, on THREADS threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    seconds: list[float] = []
    for seed in range(WARM_UP + count):
        begun = time.perf_counter()
        brush.paint_png("an orange cat in a cardboard box", seed)
        seconds.append(time.perf_counter() - begun)
    torch.set_num_threads(threads)
    return median(seconds[WARM_UP:], "s")


def evaluate_painter(folder: Path, detector_folder: Path, *, quick: bool = False) -> dict[str, Any]:
    """Scores and seconds for every setting of the folder."""
    detector = Detector.load(detector_folder)
    figures: dict[str, Any] = {}
    for name, brush in load_brushes(folder).items():
        figures[name] = {
            "steps": brush.arguments["num_inference_steps"],
            "guidance": brush.arguments["guidance_scale"],
            "seconds per picture": seconds_per_picture(brush, 15 if quick else 50),
            "prompts fulfilled": judge_painter(brush, detector, 40 if quick else 200),
        }
    return figures
