"""Which folders of the larger families are served, and with what sentence the others are refused."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch

from services.diffusion.folder import FolderRefused
from services.diffusion.loading import load
from services.diffusion.settings import DiffusionSettings
from tests.services.diffusion.families.conftest import t5_tower


class Canary:
    """Unpickled, it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def copy_of(tmp_path, folder_of):
    def copy(name: str) -> Path:
        return Path(shutil.copytree(folder_of(name), tmp_path / "copy"))

    return copy


def refusal(folder: Path) -> str:
    with pytest.raises(FolderRefused) as caught:
        load(DiffusionSettings(diffusion_model=folder))
    return str(caught.value)


def edit(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


COMPONENTS = [
    ("xl", "text_encoder_2"),
    ("sd3", "text_encoder"),
    ("sd3", "text_encoder_3"),
    ("sd3", "transformer"),
    ("flux dev", "text_encoder_2"),
    ("flux dev", "transformer"),
]


@pytest.mark.parametrize(("name", "component"), COMPONENTS)
def test_a_pickle_under_a_safetensors_name_is_refused_unread(copy_of, tmp_path, name, component):
    folder = copy_of(name)
    (weights,) = (folder / component).glob("*.safetensors")
    torch.save(Canary(tmp_path / "hatched"), weights)

    assert "is a pickle under a safetensors name" in refusal(folder)
    assert not (tmp_path / "hatched").exists()


@pytest.mark.parametrize(("name", "component"), COMPONENTS)
def test_pickled_weights_are_refused_unread(copy_of, tmp_path, name, component):
    folder = copy_of(name)
    (weights,) = (folder / component).glob("*.safetensors")
    weights.unlink()
    torch.save(Canary(tmp_path / "hatched"), weights.with_suffix(".bin"))

    assert "save them as safetensors" in refusal(folder)
    assert not (tmp_path / "hatched").exists()


@pytest.mark.parametrize("shard", ["evil.bin", "../evil.safetensors", 3, ["x"]])
def test_a_list_of_shards_that_leads_elsewhere_is_refused_unread(copy_of, tmp_path, shard):
    folder = copy_of("sd3")
    component = folder / "transformer"
    torch.save(Canary(tmp_path / "hatched"), component / "evil.bin")
    weight_map = {"proj_out.weight": shard}
    (component / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    assert "names shards that are no safetensors files beside it" in refusal(folder)
    assert not (tmp_path / "hatched").exists()


def test_an_adapter_beside_the_weights_of_a_text_network_is_refused_unread(copy_of, tmp_path):
    folder = copy_of("xl")
    component = folder / "text_encoder_2"
    torch.save(Canary(tmp_path / "hatched"), component / "adapter_model.bin")
    (component / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "elsewhere"}')

    assert "holds an adapter" in refusal(folder)
    assert not (tmp_path / "hatched").exists()


def test_weights_in_shards_are_loaded(copy_of):
    folder = copy_of("sd3")
    whole = load(DiffusionSettings(diffusion_model=folder)).usual.denoiser.network
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    whole.save_pretrained(folder / "transformer", max_shard_size="50KB")
    assert len(list((folder / "transformer").glob("*.safetensors"))) > 1

    again = load(DiffusionSettings(diffusion_model=folder)).usual.denoiser.network

    assert all(torch.equal(again.state_dict()[name], value) for name, value in whole.state_dict().items())


@pytest.mark.parametrize(
    ("name", "components"),
    [
        ("xl", {"text_encoder": [None, None], "tokenizer": [None, None]}),  # as SDXL's refiner
        ("xl", {"text_encoder_2": ["transformers", "CLIPTextModel"]}),
        ("xl", {"text_encoder_2": ["os", "system"]}),
        ("sd3", {"text_encoder_2": [None, None]}),
        ("sd3", {"text_encoder_4": ["transformers", "LlamaForCausalLM"]}),
        ("flux dev", {"text_encoder_2": [None, None]}),
        ("flux dev", {"transformer_2": ["diffusers", "FluxTransformer2DModel"]}),
    ],
)
def test_other_combinations_are_refused_with_the_list_of_what_is_supported(copy_of, name, components):
    folder = copy_of(name)
    edit(folder / "model_index.json", **components)
    message = refusal(folder)
    assert "UNet2DConditionModel with CLIPTextModel, CLIPTextModelWithProjection;" in message
    assert "FluxTransformer2DModel with CLIPTextModel, T5EncoderModel" in message


def test_text_networks_of_another_width_are_refused(copy_of):
    folder = copy_of("flux dev")
    tower = t5_tower(98)
    tower.config.d_model = 32
    type(tower)(tower.config).save_pretrained(folder / "text_encoder_2")
    assert "takes text of width 64 as its states, but the text encoders make it 32 wide" in refusal(folder)


def test_a_usual_and_a_fast_denoiser_that_are_guided_differently_are_refused(copy_of, folder_of):
    folder = copy_of("flux dev")
    shutil.copytree(folder_of("flux schnell") / "transformer", folder / "transformer_fast")
    shutil.copytree(folder / "scheduler", folder / "scheduler_fast")
    edit(folder / "diptych.json", fast={"steps": 4, "guidance_scale": 1.0})
    assert "not guided in the same way" in refusal(folder)
