"""Tiny painters of the supported families, of random weights, in the folder layouts of the real ones."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

from services.diffusion.painter import Painter
from services.diffusion.schedules import Sampler
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.tiny import (
    flow_scheduler,
    sana_networks,
    stable_diffusion_networks,
    text_tower,
    tokenizer,
)

collect_ignore = [] if torch.cuda.is_available() else ["test_on_a_gpu.py"]


def pytest_report_collectionfinish() -> list[str]:
    """What is left out is named. No machine of the CI has a GPU, so that this alone is no failure there."""
    return [f"left out, as there is no GPU: tests/services/diffusion/{name}" for name in collect_ignore]


@pytest.fixture(scope="session")
def stable_diffusion_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    home = tmp_path_factory.mktemp("painters")
    words = tokenizer(home / "words")
    scheduler = DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, steps_offset=1)
    pipeline = StableDiffusionPipeline(
        tokenizer=words,
        text_encoder=text_tower(len(words)),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **stable_diffusion_networks(),
    )
    pipeline.save_pretrained(home / "tiny-sd")
    return home / "tiny-sd"


@pytest.fixture(scope="session")
def sana_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(2)
    home = tmp_path_factory.mktemp("painters")
    words = tokenizer(home / "words")
    pipeline = SanaPipeline(
        tokenizer=words, text_encoder=text_tower(len(words)), scheduler=flow_scheduler(), **sana_networks()
    )
    pipeline.save_pretrained(home / "tiny-sana")
    (home / "tiny-sana" / "diptych.json").write_text('{"steps": 6, "guidance_scale": 3.0, "size": 64}')
    return home / "tiny-sana"


@pytest.fixture(scope="session")
def distilled_folder(sana_folder, tmp_path_factory) -> Path:
    """The tiny Sana with a second denoiser for few steps."""
    torch.manual_seed(3)
    folder = Path(shutil.copytree(sana_folder, tmp_path_factory.mktemp("painters") / "tiny-distilled"))
    sana_networks()["transformer"].save_pretrained(folder / "transformer_fast")
    DPMSolverMultistepScheduler.from_config(flow_scheduler().config, solver_order=1).save_pretrained(
        folder / "scheduler_fast"
    )
    (folder / "diptych.json").write_text(
        '{"steps": 6, "guidance_scale": 3.0, "size": 64, "fast": {"steps": 3, "guidance_scale": 1.0}}'
    )
    return folder


@pytest.fixture(scope="session")
def loaded_from(tmp_path_factory):
    """A function that loads the painter of a folder, in float32; what is measured of the machine is measured once."""
    data = tmp_path_factory.mktemp("data")

    def load(folder: Path, **settings: Any) -> Painter:
        usual = {"diffusion_device": "cpu", "diffusion_dtype": "float32", "diffusion_threads": 1, "data": data}
        return Painter.from_settings(DiffusionSettings(diffusion_model=folder, **(usual | settings)))

    return load


@pytest.fixture(scope="session")
def distilled(distilled_folder, loaded_from) -> Painter:
    return loaded_from(distilled_folder)


@pytest.fixture(scope="session")
def stable_diffusion(stable_diffusion_folder, loaded_from) -> Painter:
    return loaded_from(stable_diffusion_folder)


@pytest.fixture(scope="session")
def sana(sana_folder, loaded_from) -> Painter:
    return loaded_from(sana_folder)


@pytest.fixture(scope="session")
def with_scheduler():
    """A function that gives a painter another scheduler."""

    def change(painter: Painter, scheduler: Any) -> Painter:
        usual = replace(painter.model.usual, sampler=Sampler(scheduler))
        return Painter(replace(painter.model, usual=usual), painter.settings)

    return change
