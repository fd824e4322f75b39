"""LoRAs laid over a denoiser, against diffusers' own pipelines and against its weights without them."""

import shutil
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from services.diffusion.loaded import LoadedPainter
from services.diffusion.loading import load
from services.diffusion.lora import MOST_KEPT, LoraSet
from services.diffusion.settings import DiffusionSettings
from shared.errors import InvalidRequest
from tests.services.diffusion.families.conftest import PIPELINES
from tests.services.diffusion.families.loop import denoised, noise
from tests.services.diffusion.families.lora_files import trained


@pytest.fixture(params=["stable diffusion", "sana", *PIPELINES])
def painter(request, folder_of, stable_diffusion_folder, sana_folder, tmp_path) -> LoadedPainter:
    """A painter of its own, with the LoRAs `style` and `thing`."""
    small = {"stable diffusion": stable_diffusion_folder, "sana": sana_folder}
    folder = small[request.param] if request.param in small else folder_of(request.param)
    return with_loras(folder, tmp_path)


@pytest.fixture
def xl_with_loras(xl_folder, tmp_path) -> LoadedPainter:
    return with_loras(xl_folder, tmp_path)


def with_loras(folder: Path, home: Path, **settings) -> LoadedPainter:
    usual = {"diffusion_loras": home / "loras", "diffusion_dtype": "float32"}
    found = load(DiffusionSettings(diffusion_model=folder, **(usual | settings)))
    trained(found, home / "loras" / "style.safetensors", seed=1)
    trained(found, home / "loras" / "thing" / "pytorch_lora_weights.safetensors", seed=2, rank=2)
    return found


def picture(painter: LoadedPainter, *weights: tuple[str, float]) -> torch.Tensor:
    painter.usual.passes.loras.activate(LoraSet(weights))
    return denoised(painter, noise(painter, 64, 64), prompt="a cat", negative=None, steps=2, guidance=1.0)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return (one - other).abs().max().item()


def refusal(painter: LoadedPainter, *names: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        painter.usual.passes.loras.activate(LoraSet(tuple((name, 1.0) for name in names)))
    return caught.value


def test_sets_are_switched_and_without_one_the_denoiser_is_itself_to_the_bit(painter):
    plain = picture(painter)
    style = picture(painter, ("style", 1.0))
    both = picture(painter, ("style", 1.0), ("thing", 0.5))

    assert difference(style, plain) > 1e-3
    assert difference(both, style) > 1e-3
    assert torch.equal(picture(painter), plain)
    assert torch.equal(picture(painter, ("style", 1.0)), style)
    assert torch.equal(picture(painter, ("style", 1.0), ("thing", 0.5)), both)


def test_a_weight_of_nothing_changes_nothing_and_half_lies_between(xl_with_loras):
    plain, half, whole = (picture(xl_with_loras, ("style", weight)) for weight in (0.0, 0.5, 1.0))
    torch.testing.assert_close(picture(xl_with_loras), plain, atol=1e-5, rtol=0)
    assert 0 < difference(half, plain) < difference(whole, plain)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")
def test_sets_agree_with_the_pipeline_that_loads_the_same_files(xl_with_loras, xl_folder, tmp_path):
    pipeline = StableDiffusionXLPipeline.from_pretrained(xl_folder, add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(tmp_path / "loras" / "style.safetensors", adapter_name="style")
    pipeline.load_lora_weights(tmp_path / "loras" / "thing", adapter_name="thing")
    pipeline.set_adapters(["style", "thing"], [0.7, 0.4])
    latents = noise(xl_with_loras, 64, 64)

    ours = picture(xl_with_loras, ("style", 0.7), ("thing", 0.4))

    theirs = pipeline(
        "a cat", width=64, height=64, num_inference_steps=2, guidance_scale=1.0, latents=latents, output_type="latent"
    ).images
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)


def test_the_format_of_kohyas_scripts_is_read_too(xl_with_loras, tmp_path):
    expected = picture(xl_with_loras, ("style", 1.0))
    weights = load_file(tmp_path / "loras" / "style.safetensors")
    renamed = {}
    for key, value in weights.items():
        module, part = key.removeprefix("unet.").split(".lora_")
        name = "lora_unet_" + module.replace(".", "_")
        renamed[f"{name}.lora_{'down' if part[0] == 'A' else 'up'}.weight"] = value
        renamed[f"{name}.alpha"] = torch.tensor(8.0)
    save_file(renamed, tmp_path / "loras" / "kohya.safetensors")

    torch.testing.assert_close(picture(xl_with_loras, ("kohya", 1.0)), expected, atol=1e-5, rtol=0)


def test_an_unknown_name_is_refused_with_the_list_of_what_there_is(xl_with_loras):
    error = refusal(xl_with_loras, "style", "../thing")
    assert (error.code, error.status) == ("unknown_lora", 400)
    assert error.message == "There is no LoRA named ../thing. There is: style, thing."


def test_without_a_folder_there_is_none(xl):
    assert refusal(xl, "style").message == "There is no LoRA named style. There is: none."


def test_a_pickle_under_a_safetensors_name_is_refused_unread(xl_with_loras, tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "loras" / "sly.safetensors")
    assert refusal(xl_with_loras, "sly").message == "The LoRA sly is a pickle, which is never read."


def test_a_name_given_twice_is_refused(xl_with_loras):
    assert "named twice" in refusal(xl_with_loras, "style", "style").message


@pytest.mark.parametrize("fault", ["another family", "another width", "more layers", "nothing", "damaged"])
def test_one_that_does_not_fit_is_refused_and_leaves_no_trace(fault, xl_with_loras, painter_of, tmp_path):
    path = tmp_path / "loras" / "odd.safetensors"
    shutil.copy(tmp_path / "loras" / "style.safetensors", path)
    weights = load_file(path)
    first = next(iter(weights))
    if fault == "another family":
        trained(painter_of("sd3"), path, seed=3)
    elif fault == "another width":
        save_file({key: torch.cat([value, value], 1) for key, value in weights.items()}, path)
    elif fault == "more layers":
        save_file(weights | {first.replace("down_blocks", "no_blocks"): weights[first].clone()}, path)
    elif fault == "nothing":
        save_file({"text_encoder.layers.0.q_proj.lora_A.weight": torch.zeros(2, 2)}, path)
    else:
        path.write_bytes(path.read_bytes()[:500])
    plain = picture(xl_with_loras)
    style = picture(xl_with_loras, ("style", 1.0))

    error = refusal(xl_with_loras, "thing", "odd")

    assert error.message == "The LoRA odd is not for this painter, a UNet2DConditionModel."
    assert xl_with_loras.usual.passes.loras.active == LoraSet((("style", 1.0),))
    again = denoised(xl_with_loras, noise(xl_with_loras, 64, 64), prompt="a cat", negative=None, steps=2, guidance=1.0)
    assert torch.equal(again, style)
    assert torch.equal(picture(xl_with_loras), plain)


def test_only_some_that_are_not_in_use_are_kept(xl_with_loras, tmp_path):
    network = xl_with_loras.usual.denoiser.network
    first = picture(xl_with_loras, ("style", 1.0))
    for number in range(MOST_KEPT + 2):
        shutil.copy(tmp_path / "loras" / "style.safetensors", tmp_path / "loras" / f"copy {number}.safetensors")
        xl_with_loras.usual.passes.loras.activate(LoraSet(((f"copy {number}", 1.0),)))
    assert len(network.peft_config) == MOST_KEPT + 1
    assert torch.equal(picture(xl_with_loras, ("style", 1.0)), first)


def test_they_are_of_the_denoisers_number_format_and_never_trained(xl_folder, tmp_path):
    painter = with_loras(xl_folder, tmp_path, diffusion_dtype="bfloat16")
    with torch.inference_mode():
        painter.usual.passes.loras.activate(LoraSet((("style", 1.0),)))
    adapters = [value for name, value in painter.usual.denoiser.network.named_parameters() if "lora_" in name]
    assert adapters
    assert all(value.dtype == torch.bfloat16 and not value.requires_grad for value in adapters)
    assert picture(painter, ("style", 1.0)).isfinite().all()
