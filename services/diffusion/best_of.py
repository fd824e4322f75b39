"""Several seeds of one request, painted side by side in the engine, and the best of them. Knows no artifact store."""

import dataclasses
import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

from PIL import Image

from services.diffusion.folder import FolderRefused
from services.diffusion.happenings import Candidate, Happening, Painted
from services.diffusion.judge import Judge
from shared.errors import JobFailed
from shared.jobs import MAX_SEED, GenerateImage


def works(work: GenerateImage) -> list[GenerateImage]:
    """One for each seed, from the request's own on."""
    seeds = [(work.seed + number) % (MAX_SEED + 1) for number in range(work.best_of)]
    return [work.model_copy(update={"seed": seed, "best_of": 1}) for seed in seeds]


def best(paintings: Sequence[Iterator[Happening]], prompt: str, judge: Judge) -> Iterator[Happening]:
    """What happens to the first picture, and then the best of all, which has the others with it.

    Raises:
        JobFailed: nothing can judge them here; and what each painting raises.
    """
    with ExitStack() as all_ends:
        for painting in paintings:
            all_ends.enter_context(closing(painting))  # pyright: ignore[reportArgumentType] - generators all
        begun = [next(painting) for painting in paintings]  # all are in the engine before the first one is followed
        yield begun[0]
        pictures: list[Painted] = []
        for number, painting in enumerate(paintings):
            for happening in painting:
                if isinstance(happening, Painted):
                    pictures.append(happening)
                else:
                    yield happening if number == 0 else None
    yield chosen(pictures, prompt, judge)


def chosen(pictures: Sequence[Painted], prompt: str, judge: Judge) -> Painted:
    """The one that fits the prompt best; of equals the first."""
    try:
        scores = judge.scores(prompt, [Image.open(io.BytesIO(picture.png)) for picture in pictures])
    except FolderRefused as refusal:
        raise JobFailed(f"The best of several pictures cannot be chosen: {refusal}") from refusal
    order = sorted(range(len(pictures)), key=lambda number: -scores[number])
    candidates = tuple(Candidate(pictures[number].png, pictures[number].seed, scores[number]) for number in order)
    return dataclasses.replace(
        pictures[order[0]], seconds=max(picture.seconds for picture in pictures), candidates=candidates
    )
