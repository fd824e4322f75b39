"""Figures and how they are told: intervals, table, contact sheet, distances, charts; the painter in its settings."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image

from training import evaluate
from training.committed import read_log
from training.evaluate_novelty import distances, signature, training_scenes
from training.evaluate_painter import FAST, MANY_STEPS, Brush, load_brushes
from training.evaluate_sheet import COLUMNS, VERDICTS, draw_sheet, sheet_cases
from training.evaluate_table import rows
from training.intervals import average, median, proportion
from training.plot import draw, running_median, series_of
from training.world import is_held_out, sample_scene

PAINTER = Path(__file__).parents[2] / "models" / "painter"


@pytest.fixture(scope="module")
def brushes() -> dict[str, Brush]:
    return load_brushes(PAINTER)


def test_a_proportions_interval_holds_the_share() -> None:
    interval = proportion(45, 64)
    assert interval["low"] < 45 / 64 < interval["high"]
    assert proportion(0, 10)["low"] == pytest.approx(0)
    assert proportion(98, 100)["low"] == pytest.approx(0.930, abs=1e-3)


def test_means_and_medians_have_intervals_that_shrink_with_n() -> None:
    few, many = average([1.0, 2.0, 3.0], "s"), average([1.0, 2.0, 3.0] * 40, "s")
    assert few["mean"] == many["mean"] == 2
    assert few["high"] - few["low"] > many["high"] - many["low"] > 0
    middle = median([float(k) for k in range(101)], "s")
    assert (middle["median"], middle["low"], middle["high"]) == (50, 40, 61)
    assert median([5.0], "s")["low"] == 5


def test_a_table_has_a_row_for_every_figure() -> None:
    figures = {"a": {"b": proportion(1, 2), "c": median([0.25, 0.5, 0.75], "s")}, "d": "words"}
    assert list(rows(figures)) == [
        ("a · b", "50.0 %", "2", "9.4-90.5 %"),
        ("a · c", "0.5 s (median)", "3", "0.25-0.75"),
        ("d", "words", "", ""),
    ]


def test_the_sheet_shows_every_picture_with_its_verdict() -> None:
    asked = sheet_cases()
    assert len(asked) == 64
    outcomes = [k % 3 == 0 for k in range(64)]
    sheet = draw_sheet(torch.linspace(-1, 1, 64).view(64, 1, 1, 1).expand(64, 3, 128, 128), asked, outcomes)
    step = ((sheet.width - 6) // COLUMNS, (sheet.height - 6) // 8)
    for k, right in enumerate(outcomes):
        x, y = 6 + k % COLUMNS * step[0], 6 + k // COLUMNS * step[1]
        assert sheet.getpixel((x + 64, y + 129)) == VERDICTS[right]
        assert sheet.getpixel((x + 64, y + 64)) == pytest.approx((k * 255 / 63,) * 3, abs=1)


def test_distances_see_another_thing_and_not_sharpness() -> None:
    pictures = torch.rand(2, 3, 32, 32) * 2 - 1
    sharp = pictures.repeat_interleave(4, -1).repeat_interleave(4, -2)
    noise = torch.randn(2, 3, 128, 128) * 0.05
    between = distances(signature(sharp), signature(sharp + noise))
    assert between.shape == (2, 2)
    assert between.diagonal().max() < 5 < between[0, 1]
    assert distances(signature(sharp[:1]), signature(sharp[:1] + 0.2)).item() == pytest.approx(25.5, abs=0.1)


def test_the_compared_training_scenes_hold_nothing_held_out_and_the_near_misses() -> None:
    rng = Random(0)
    asked = [sample_scene(rng, held_out=True) for _ in range(3)]
    pool = training_scenes(asked, 50, rng)
    assert not any(is_held_out(scene) for scene in pool)
    assert len(pool) > 100


def test_the_chart_holds_every_figure_and_is_small(tmp_path: Path) -> None:
    lines = [{"step": k, "minutes": k / 60, "loss": 1 / (k + 1), "right": k / 900} for k in range(900)]
    lines += [{"step": 900, "minutes": 15.0, "judged": 0.5}]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    series = series_of(read_log(tmp_path / "log.jsonl"))
    assert {name: len(values) for name, (_, values) in series.items()} == {"loss": 300, "right": 300, "judged": 1}
    draw(series, "training.test", tmp_path / "chart.png")
    assert (tmp_path / "chart.png").stat().st_size < 40_000
    with Image.open(tmp_path / "chart.png") as chart:
        assert chart.width > 600


def test_a_running_median_ignores_one_jump() -> None:
    assert running_median([1.0] * 10 + [50.0] + [1.0] * 10) == [1.0] * 21


def test_the_painter_paints_a_finite_picture_that_its_seed_decides(brushes: dict[str, Brush]) -> None:
    brush = Brush(brushes[MANY_STEPS].pipeline, brushes[MANY_STEPS].arguments | {"num_inference_steps": 3})
    prompt = "an orange cat in a cardboard box"
    first, again = (brush.paint([prompt]) for _ in range(2))
    other = brush.paint([prompt, prompt])[1:]
    assert first.shape == (1, 3, 128, 128)
    assert torch.isfinite(first).all()
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=0.05)
    assert float(first.std()) > 0.05
    assert brush.paint_png(prompt, 1).startswith(b"\x89PNG")


def test_a_painters_settings_are_those_of_its_folder(brushes: dict[str, Brush]) -> None:
    own = json.loads((PAINTER / "diptych.json").read_text())
    assert brushes[MANY_STEPS].arguments["num_inference_steps"] == own["steps"]
    assert (FAST in brushes) is ("fast" in own)
    for brush in brushes.values():
        assert brush.arguments["height"] == brush.arguments["width"] == own["size"] == 128
        assert 1 <= brush.arguments["num_inference_steps"] <= 50
        assert brush.arguments["guidance_scale"] >= 1


def test_the_command_prints_a_table_for_every_section_and_all_figures_on_the_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def section(models: Path, quick: bool) -> dict[str, Any]:
        return {f"found in {models}": proportion(9, 10 if quick else 100)}

    monkeypatch.setattr(evaluate, "SECTIONS", {"one": section, "two": section})
    monkeypatch.setattr("sys.argv", ["evaluate", "two", "--quick", "--models", "here"])
    evaluate.main()
    *table, last = capsys.readouterr().out.strip().splitlines()
    assert any("found in here" in line and "90.0 %" in line for line in table)
    assert json.loads(last)["figures"] == {"two": {"found in here": proportion(9, 10)}}


def test_a_section_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["evaluate", "clipp"])
    with pytest.raises(SystemExit):
        evaluate.main()
    assert "clipp" in capsys.readouterr().err


def test_a_folder_with_a_distilled_denoiser_has_a_fast_setting(tmp_path: Path) -> None:
    for part in PAINTER.iterdir():
        (tmp_path / part.name).symlink_to(part)
    own = json.loads((PAINTER / "diptych.json").read_text()) | {"fast": {"steps": 2, "guidance_scale": 1.0}}
    (tmp_path / "diptych.json").unlink()
    (tmp_path / "diptych.json").write_text(json.dumps(own))
    for part in ("transformer", "scheduler"):
        (tmp_path / f"{part}_fast").unlink(missing_ok=True)
        (tmp_path / f"{part}_fast").symlink_to(PAINTER / part)
    brushes = load_brushes(tmp_path)
    fast = brushes[FAST]
    assert (fast.arguments["num_inference_steps"], fast.arguments["guidance_scale"]) == (2, 1.0)
    assert fast.pipeline.transformer is not brushes[MANY_STEPS].pipeline.transformer
    assert fast.pipeline.vae is brushes[MANY_STEPS].pipeline.vae
    assert torch.isfinite(fast.paint(["a cat"])).all()
