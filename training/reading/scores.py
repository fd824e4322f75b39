"""How well a transcription agrees with the text that was drawn. Knows strings, not pictures."""

from collections import Counter
from collections.abc import Sequence

from orchestrator.alignment import distance
from shared.reading_profile import ReadingScore, Share
from training.intervals import proportion


def text_lines(answer: str) -> list[str]:
    """The lines that count: without blank ones, without the fence that some models put around, spaces made single."""
    lines = (" ".join(line.split()) for line in answer.splitlines())
    return [line for line in lines if line and not line.startswith("```")]


def character_accuracy(wanted: Sequence[str], answer: str) -> float:
    """1 - edit distance / length of the page's text, and 0 where more is wrong than there was."""
    text = "\n".join(wanted)
    return max(0.0, 1 - distance(text, "\n".join(text_lines(answer))) / len(text))


def exact_lines(wanted: Sequence[str], answer: str) -> int:
    """How many of the lines the answer has exactly, wherever they stand in it."""
    return (Counter(wanted) & Counter(text_lines(answer))).total()


def score(pages: Sequence[Sequence[str]], answers: Sequence[str]) -> ReadingScore:
    """Both measures over pages at one height.

    The interval of the character accuracy is Wilson's with one trial for each page, since the characters of a page are
    not independent; it is rather too wide, as a mean of parts varies less than one of ones and zeros.
    """
    accuracies = [character_accuracy(wanted, answer) for wanted, answer in zip(pages, answers, strict=True)]
    exact = sum(exact_lines(wanted, answer) for wanted, answer in zip(pages, answers, strict=True))
    return ReadingScore(
        characters=Share.model_validate(proportion(sum(accuracies), len(pages))),
        exact_lines=Share.model_validate(proportion(exact, sum(map(len, pages)))),
    )
