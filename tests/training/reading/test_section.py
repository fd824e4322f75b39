"""The section of the evaluation, with the models that ship."""

from pathlib import Path

import pytest

from shared.reading_profile import ReadingProfile
from training import reading_curve
from training.reading import curve
from training.reading.pages import HEIGHTS

MODELS = Path(__file__).parents[3] / "models"


def test_the_section_has_both_readers_at_each_height(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve, "HEIGHTS", (12, 41))
    monkeypatch.setattr(reading_curve, "QUICK_PAGES", 1)
    section = reading_curve.reading_section(quick=True)
    assert list(section["heights"]) == ["12 px", "41 px"]
    for point in section["heights"].values():
        assert point["ocr"]["characters"]["share"] > 0.9
        assert 0 <= point["vlm"]["characters"]["low"] <= point["vlm"]["characters"]["high"] <= 1
        assert point["vlm"]["exact_lines"]["n"] == 4
    assert section["ocr_below_px"] in (None, 12, 41)


def test_the_shipped_profile_is_one_and_its_threshold_follows_from_its_curve() -> None:
    profile = ReadingProfile.read(MODELS / "vlm" / "profile.json")
    assert tuple(point.height_px for point in profile.curve) == HEIGHTS
    assert curve.ocr_below(profile.curve, profile.wanted_share) == profile.ocr_below_px
