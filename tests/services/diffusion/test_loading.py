"""Which folders are served, and with what sentence the others are refused."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from services.diffusion.folder import FolderRefused
from services.diffusion.loading import load
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from shared.jobs import GenerateImage

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def copy_of(tmp_path):
    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(folder, tmp_path / folder.name))

    return copy


def refusal(folder: Path, **settings) -> str:
    with pytest.raises(FolderRefused) as caught:
        load(DiffusionSettings(diffusion_model=folder, **settings))
    return str(caught.value)


def edit(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_pickled_weights_are_refused_unread(stable_diffusion_folder, copy_of, tmp_path):
    folder = copy_of(stable_diffusion_folder)
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(Canary(tmp_path / "hatched"), folder / "unet" / "diffusion_pytorch_model.bin")

    message = refusal(folder)

    assert "diffusion_pytorch_model.bin" in message
    assert "safetensors" in message
    assert not (tmp_path / "hatched").exists()


@pytest.mark.parametrize("legacy", [True, False])
def test_a_pickle_under_a_safetensors_name_is_refused_unread(sana_folder, copy_of, tmp_path, legacy):
    folder = copy_of(sana_folder)
    disguised = folder / "vae" / "diffusion_pytorch_model.safetensors"
    torch.save(Canary(tmp_path / "hatched"), disguised, _use_new_zipfile_serialization=not legacy)

    assert "is a pickle under a safetensors name" in refusal(folder)
    assert not (tmp_path / "hatched").exists()


def test_a_pickle_beside_safetensors_is_never_opened(sana_folder, copy_of, tmp_path):
    folder = copy_of(sana_folder)
    torch.save(Canary(tmp_path / "hatched"), folder / "transformer" / "diffusion_pytorch_model.bin")

    load(DiffusionSettings(diffusion_model=folder))

    assert not (tmp_path / "hatched").exists()


def test_damaged_weights_are_refused(sana_folder, copy_of):
    folder = copy_of(sana_folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "cannot be loaded as a SanaTransformer2DModel" in refusal(folder)


def test_missing_weights_are_refused(sana_folder, copy_of):
    folder = copy_of(sana_folder)
    (folder / "text_encoder" / "model.safetensors").unlink()
    assert "has no *.safetensors weights" in refusal(folder)


def test_a_folder_that_is_no_pipeline_is_refused(tmp_path):
    assert "no model_index.json. Set DIPTYCH_DIFFUSION_MODEL" in refusal(tmp_path)
    (tmp_path / "model_index.json").write_text("[1]")
    assert "not a JSON object" in refusal(tmp_path)
    (tmp_path / "model_index.json").write_text("{")
    assert "is not JSON" in refusal(tmp_path)


@pytest.mark.parametrize(
    "component",
    [
        {"transformer": ["diffusers", "WanTransformer3DModel"]},
        {"transformer": ["os", "system"]},
        {"text_encoder": ["transformers", "Gemma2Model"]},
        {"text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]},
        {"vae": ["diffusers", "AutoencoderKLWan"]},
        {"vae": [None, None]},
    ],
)
def test_other_families_are_refused_with_the_list_of_what_is_supported(sana_folder, copy_of, component):
    folder = copy_of(sana_folder)
    edit(folder / "model_index.json", **component)
    message = refusal(folder)
    for supported in ("UNet2DConditionModel", "SanaTransformer2DModel", "CLIPTextModel", "AutoencoderDC"):
        assert supported in message


@pytest.mark.parametrize("name", ["system", "SchedulerMixin_", "UNet2DConditionModel"])
def test_a_scheduler_that_diffusers_does_not_have_is_refused(sana_folder, copy_of, name):
    folder = copy_of(sana_folder)
    edit(folder / "model_index.json", scheduler=["diffusers", name])
    assert f"names the scheduler {name}" in refusal(folder)


def test_parts_that_do_not_fit_together_are_refused(sana_folder, stable_diffusion_folder, copy_of):
    folder = copy_of(sana_folder)
    shutil.rmtree(folder / "vae")
    shutil.copytree(stable_diffusion_folder / "vae", folder / "vae")
    edit(folder / "model_index.json", vae=["diffusers", "AutoencoderKL"])
    assert "takes 8 channels, the autoencoder's latents have 4" in refusal(folder)


def test_a_fast_setting_without_its_denoiser_is_refused(distilled_folder, copy_of):
    folder = copy_of(distilled_folder)
    shutil.rmtree(folder / "transformer_fast")
    assert "transformer_fast has no *.safetensors weights" in refusal(folder)


def test_a_malformed_diptych_json_is_refused(sana_folder, copy_of):
    folder = copy_of(sana_folder)
    (folder / "diptych.json").write_text('{"steps": 0}')
    assert "diptych.json: steps" in refusal(folder)


def test_the_parts_of_a_stable_diffusion_folder_that_are_not_for_painting_are_left_alone(
    stable_diffusion_folder, copy_of
):
    folder = copy_of(stable_diffusion_folder)
    edit(
        folder / "model_index.json",
        safety_checker=["stable_diffusion", "StableDiffusionSafetyChecker"],
        feature_extractor=["transformers", "CLIPFeatureExtractor"],
    )
    assert load(DiffusionSettings(diffusion_model=folder, diffusion_name="my-sd")).name == "my-sd"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_refused(sana_folder):
    assert "torch sees no GPU here" in refusal(sana_folder, diffusion_device="cuda")


def test_a_half_precision_variant_is_found_and_computed_in_the_format_asked_for(stable_diffusion_folder, copy_of):
    folder = copy_of(stable_diffusion_folder)
    for path in folder.rglob("*.safetensors"):
        path.rename(path.with_name(path.name.replace(".safetensors", ".fp16.safetensors")))

    model = load(DiffusionSettings(diffusion_model=folder, diffusion_dtype="bfloat16"))

    assert model.usual.denoiser.network.dtype == torch.bfloat16
    assert model.prompts.towers.tower.dtype == torch.bfloat16
    assert model.autoencoder.network.dtype == torch.float32
    *_, painted = Painter(model, DiffusionSettings()).paint(GenerateImage(prompt="a cat", seed=1, steps=2))
    assert painted.width == 64


def test_a_tokenizer_of_vocabulary_and_merges_is_the_same_as_one_of_tokenizer_json(stable_diffusion_folder, copy_of):
    folder = copy_of(stable_diffusion_folder)
    tokenizer = json.loads((folder / "tokenizer" / "tokenizer.json").read_text())["model"]
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(tokenizer["vocab"]))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer" / "tokenizer.json").unlink()

    old, new = (
        load(DiffusionSettings(diffusion_model=path)).prompts.towers.row("A cat, 2!") for path in
        (folder, stable_diffusion_folder)
    )  # fmt: skip

    assert torch.equal(old.inputs["states"], new.inputs["states"])
