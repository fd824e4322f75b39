"""The committed CLIP and the judge load as what they claim to be, and work."""

from pathlib import Path

import pytest
import torch

from training.clip_data import pixels_of
from training.detector_data import UNKNOWN
from training.detector_model import Detector
from training.evaluate_clip import ClipJudge
from training.evaluate_detector import passed, reconstructions, whole_scenes
from training.evaluate_judge import wanted_of
from training.painter_model import load_autoencoder
from training.world import Group, Scene

MODELS = Path(__file__).parents[2] / "models"


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


def test_the_judge_finds_what_is_there_in_renders_and_in_reconstructions() -> None:
    scenes = whole_scenes(40)
    wanted = [wanted_of(scene) for scene in scenes]
    detector, pixels = Detector.load(MODELS / "detector"), pixels_of(scenes)
    assert sum(passed(detector, pixels, wanted)) >= 38
    autoencoder = load_autoencoder(MODELS / "painter" / "vae").float()
    assert sum(passed(detector, reconstructions(autoencoder, pixels), wanted)) >= 37


def test_the_judge_does_not_call_everything_a_thing() -> None:
    noise = torch.rand(8, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    blots = torch.nn.functional.interpolate(noise[..., :6, :6], size=(128, 128), mode="bicubic").clamp(-1, 1)
    sights = Detector.load(MODELS / "detector").look(torch.cat([noise, blots]))
    assert sum(detection.thing != UNKNOWN for sight in sights for detection in sight.things) <= 4
