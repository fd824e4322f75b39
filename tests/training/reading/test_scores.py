"""The metric and the threshold rule, against cases counted by hand."""

import pytest

from shared.reading_profile import ReadingPoint, ReadingScore, Share
from training.reading.curve import ocr_below
from training.reading.scores import character_accuracy, exact_lines, score

PAGE = ("anchor 12.50", "K7-4821")


@pytest.mark.parametrize(
    ("answer", "accuracy", "lines"),
    [
        ("anchor 12.50\nK7-4821", 1.0, 2),
        ("```text\n  anchor   12.50 \n\nK7-4821\n```", 1.0, 2),
        ("anchor 12.60\nK7-4821", 1 - 1 / 20, 1),
        ("K7-4821", 1 - 13 / 20, 1),
        ("anchor 12.50 K7-4821", 1 - 1 / 20, 0),
        ("", 0.0, 0),
        ("This is a page of text, and I would rather not say which.", 0.0, 0),
    ],
)
def test_an_answer_is_scored_by_characters_and_by_whole_lines(answer, accuracy, lines):
    assert character_accuracy(PAGE, answer) == pytest.approx(accuracy)
    assert exact_lines(PAGE, answer) == lines


def test_a_line_counts_only_as_often_as_it_was_drawn():
    assert exact_lines(("one", "two", "one"), "one\none\none\none") == 2


def test_the_score_is_the_mean_over_pages_with_pages_as_trials():
    scored = score([PAGE, PAGE], ["anchor 12.50\nK7-4821", ""])
    assert (scored.characters.share, scored.characters.n) == (0.5, 2)
    assert (scored.exact_lines.share, scored.exact_lines.n) == (0.5, 4)
    assert scored.characters.low < scored.exact_lines.low < 0.5 < scored.exact_lines.high < scored.characters.high


def curve(**accuracies: float) -> list[ReadingPoint]:
    """Points of the VLM at heights given as px6=0.5; OCR's do not matter."""

    def scored(share: float) -> ReadingScore:
        part = Share(share=share, n=9, low=0, high=1)
        return ReadingScore(characters=part, exact_lines=part)

    return [
        ReadingPoint(height_px=int(name.removeprefix("px")), vlm=scored(share), ocr=scored(1))
        for name, share in accuracies.items()
    ]


@pytest.mark.parametrize(
    ("accuracies", "threshold"),
    [
        ({"px6": 1.0, "px10": 1.0, "px20": 1.0}, 6),
        ({"px6": 0.2, "px10": 0.98, "px20": 1.0}, 10),
        ({"px6": 0.99, "px10": 0.9, "px20": 0.99}, 20),  # what fails in between is not trusted below
        ({"px20": 1.0, "px6": 0.2, "px10": 1.0}, 10),
        ({"px6": 1.0, "px10": 1.0, "px20": 0.97}, None),
        ({"px6": 0.0, "px10": 0.0, "px20": 0.0}, None),
    ],
)
def test_ocr_is_needed_below_the_height_from_which_on_all_is_read(accuracies, threshold):
    assert ocr_below(curve(**accuracies), 0.98) == threshold
