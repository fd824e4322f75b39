"""What a painter tells while it works: that it begins, its steps, previews, at last the picture. Knows values only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Prepared:
    """Prompt, source and noise are ready; the first step begins."""

    noise: tuple[float, ...]
    """The share of the picture's variance that is noise, before each step and after the last one."""

    @property
    def total(self) -> int:
        """How many steps there are."""
        return len(self.noise) - 1


@dataclass(frozen=True)
class Step:
    """Step `step` of `total` is done. Some schedulers take more steps than were asked for, edits take fewer."""

    step: int
    total: int


@dataclass(frozen=True)
class Preview:
    """The picture after `step`, small: noise at first."""

    step: int
    jpeg: bytes


@dataclass(frozen=True)
class Candidate:
    """One of several pictures of a request."""

    png: bytes
    seed: int
    score: float
    """CLIP's cosine between it and the prompt."""


@dataclass(frozen=True)
class Painted:
    """The finished picture and the values that were used for it."""

    png: bytes
    """With its generation parameters inside (shared/provenance.py)."""
    width: int
    height: int
    native_width: int
    """As it was painted; where it differs, the picture (or the edited region) was resized."""
    native_height: int
    seed: int
    fast: bool
    """Painted in the fast setting."""
    steps: int
    guidance_scale: float
    strength: float | None
    """Of an edit; None for a new picture."""
    noise: tuple[float, ...]
    """See Prepared."""
    model: str
    seconds: float
    prompt_tokens: int
    """Tokens of prompt and negative prompt that the text encoder took in."""
    image_tokens: int
    """Tokens of the picture in the denoiser."""
    tokens_dropped: int
    """Tokens at the prompt's end that the model could not take in; 0 where it has seen all of it."""
    unknown_words: tuple[str, ...]
    """Words of the prompt that the model never learned: what they mean is not in the picture."""
    candidates: tuple[Candidate, ...] = ()
    """Where it is the best of several: all of them, the best first."""


Happening = Prepared | Step | Preview | Painted | None
"""None: nothing has happened for a while; whoever follows may look whether it should go on."""
