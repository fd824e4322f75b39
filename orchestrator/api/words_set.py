"""Words that were set over a picture, as the extension objects of pictures tell of them."""

from typing import Self

from pydantic import BaseModel

from orchestrator.links import Links
from shared.jobs import Box
from shared.text_jobs import TextComposed


class WordsSet(BaseModel):
    """The words, how they were set, and whether they can be read."""

    text: str
    box: Box
    font: str
    size: int
    colour: str
    outline: str | None
    plate: str | None
    """The ground that was put behind them where the painting was nowhere calm."""
    read_back: str | None
    """What OCR reads there; null: not checked, for it does not know the script."""
    exact: bool | None
    contrast: float
    """WCAG's, 1 to 21, of the letters against what is around them."""
    source: str
    """Link to the picture without them."""

    @classmethod
    def of(cls, composed: TextComposed, links: Links) -> Self:
        values = composed.lettering.model_dump(include=set(cls.model_fields))
        source = links.link(composed.source)
        return cls(**values, read_back=composed.read_back, exact=composed.exact, source=source)
