"""The committed CLIP and painter load as what they claim to be, and work."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from training.clip_data import pixels_of
from training.evaluate_clip import ClipJudge
from training.evaluate_painter import load_painter, paint
from training.intervals import proportion
from training.world import Group, Scene

MODELS = Path(__file__).parents[2] / "models"
SHARD_LIMIT = 15 * 2**20


@pytest.fixture(scope="module")
def judge() -> ClipJudge:
    return ClipJudge(MODELS / "clip")


def test_clip_tells_plain_scenes_apart(judge: ClipJudge) -> None:
    wanted = {
        "a large red apple on a white background": Scene("white", (Group("apple", "red", "large"),)),
        "a large blue car on a white background": Scene("white", (Group("car", "blue", "large"),)),
        "a large yellow cat at night": Scene("night", (Group("cat", "yellow", "large"),)),
        "four green trees on a pink background": Scene("pink", (Group("tree", "green", count=4),)),
    }
    scores = judge.similarity(pixels_of(list(wanted.values())), list(wanted))
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]


def test_the_tokenizer_lower_cases_and_knows_every_byte(judge: ClipJudge) -> None:
    tokenizer = judge.tokenizer
    assert tokenizer("An Orange CAT").input_ids == tokenizer("an orange cat").input_ids
    strange = tokenizer("zebra 日本").input_ids[1:-1]
    assert strange
    assert not set(strange) & set(tokenizer.all_special_ids)


def test_the_painter_paints_a_finite_picture_that_its_seed_decides() -> None:
    pipeline, arguments = load_painter(MODELS / "painter")
    arguments: dict[str, Any] = arguments | {"num_inference_steps": 3}
    prompt = "an orange cat in a cardboard box"
    first, again = (paint(pipeline, [prompt], arguments) for _ in range(2))
    other = paint(pipeline, [prompt, prompt], arguments)[1:]
    assert first.shape == (1, 3, 128, 128)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)
    assert float(first.std()) > 0.05


def test_the_painters_autoencoder_keeps_a_picture() -> None:
    pipeline, _ = load_painter(MODELS / "painter")
    pixels = pixels_of([Scene("grass", (Group("cat", "orange"), Group("cardboard box")), "in")])
    with torch.no_grad():
        rebuilt = pipeline.vae.decode(pipeline.vae.encode(pixels).latent).sample
    assert float((rebuilt - pixels).abs().mean()) < 0.12


def test_weights_are_small_fp16_safetensors_without_pickle() -> None:
    files = [path for name in ("clip", "painter") for path in (MODELS / name).rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pkl", ".ckpt")]
    assert max(path.stat().st_size for path in files) <= SHARD_LIMIT
    assert sum(path.stat().st_size for path in files) <= 24 * 2**20


def test_the_painters_defaults_are_those_of_a_call() -> None:
    own = json.loads((MODELS / "painter" / "diptych.json").read_text())
    assert own["size"] == 128
    assert 1 <= own["steps"] <= 50
    assert own["guidance_scale"] >= 1


def test_a_proportions_interval_holds_the_share() -> None:
    interval = proportion(45, 64)
    assert interval["low"] < 45 / 64 < interval["high"]
    assert np.isclose(proportion(0, 10)["low"], 0)
