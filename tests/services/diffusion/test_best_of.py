"""The best of several seeds, chosen by the CLIP pair, and LoRAs through the whole painter."""

import io

import pytest
from PIL import Image

from services.diffusion.happenings import Painted, Prepared, Step
from services.diffusion.judge import Judge
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from shared.errors import InvalidRequest, JobFailed
from shared.jobs import MAX_SEED, GenerateImage
from shared.provenance import read_provenance
from shared.settings import ROOT
from tests.services.diffusion.families.lora_files import trained


def result(events) -> Painted:
    *_, painted = events
    assert isinstance(painted, Painted)
    return painted


def work(**values) -> GenerateImage:
    return GenerateImage(**({"prompt": "an orange cat", "seed": 7, "steps": 3} | values))


def square(colour: str) -> Image.Image:
    return Image.new("RGB", (128, 128), colour)


def test_the_embedded_pair_prefers_the_picture_that_was_asked_for():
    painter = Painter.from_settings(DiffusionSettings(diffusion_threads=1))
    boat, apple = (
        Image.open(io.BytesIO(result(painter.paint(GenerateImage(prompt=prompt, seed=3))).png))
        for prompt in ("a blue boat", "a red apple")
    )
    judge = Judge(ROOT / "models" / "clip")
    for prompt, best in (("a blue boat", 0), ("a red apple", 1)):
        scores = judge.scores(prompt, [boat, apple])
        assert scores[best] == max(scores)
        assert all(-1 <= score <= 1 for score in scores)


def test_the_best_has_all_candidates_with_it_and_says_its_own_seed(sana):
    events = list(sana.paint(work(best_of=4, seed=MAX_SEED - 1)))
    painted = result(events)

    assert isinstance(events[0], Prepared)
    assert [event.step for event in events if isinstance(event, Step)] == [1, 2, 3]
    assert {each.seed for each in painted.candidates} == {MAX_SEED - 1, MAX_SEED, 0, 1}
    scores = [each.score for each in painted.candidates]
    assert scores == sorted(scores, reverse=True)
    assert (painted.png, painted.seed) == (painted.candidates[0].png, painted.candidates[0].seed)
    for each in painted.candidates:
        assert each.png == result(sana.paint(work(seed=each.seed))).png
        assert read_provenance(each.png).seed == each.seed


def test_closing_gives_up_all_of_them(sana):
    painting = sana.paint(work(best_of=4, steps=150))
    next(painting)
    painting.close()
    assert not sana._flights


def test_without_a_pair_the_failure_says_so(sana, tmp_path):
    painter = Painter(sana.model, sana.settings.model_copy(update={"diffusion_judge": tmp_path}))
    with pytest.raises(JobFailed, match="cannot be chosen"):
        list(painter.paint(work(best_of=2)))


def test_a_lora_that_is_not_there_is_refused_with_what_there_is(sana):
    with pytest.raises(InvalidRequest, match="no LoRA named style"):
        list(sana.paint(work(loras={"style": 1.0})))
    assert result(sana.paint(work())).steps == 3


def test_a_lora_changes_the_picture_and_is_told_in_it(sana_folder, loaded_from, tmp_path):
    painter = loaded_from(sana_folder, diffusion_loras=tmp_path)
    plain = result(painter.paint(work())).png
    trained(painter.model, tmp_path / "style.safetensors", seed=1)

    styled = result(painter.paint(work(loras={"style": 1.0})))

    assert styled.png != plain
    assert read_provenance(styled.png).loras == {"style": 1.0}
    assert "Lora style: 1" in read_provenance(styled.png).parameters
    assert result(painter.paint(work())).png == plain
