"""The picture under an edit: which part of it is painted, and how what was painted goes back into it.

Pixels outside the mask stay as they are, to the bit. Knows pixels; knows no latents, no noise and no prompt.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from torch import Tensor

from services.diffusion.previews import MAX_SIDE
from services.diffusion.regions import Region
from shared.errors import InvalidRequest
from shared.imaging import open_mask, open_own
from shared.jobs import EditImage, check_box

WHOLE_STRENGTH = 0.8
"""Of an edit of a whole picture that does not say: much changes, the layout stays."""
FEATHER = 8
"""Pixels over which a large mask's edge fades inward; fewer where the mask is thin."""


@dataclass(frozen=True)
class Retouch:
    """A source, the region of it that is worked on, and where in the region pixels may change."""

    source: Image.Image
    region: Region
    mask: Image.Image | None
    """Grey, of the region's size, 255 where pixels may change; None: the whole source may."""
    strength: float

    @classmethod
    def of(cls, work: EditImage, source: bytes, mask: bytes | None) -> "Retouch":
        """From the artifacts that `work` names.

        Raises:
            InvalidRequest: the mask or the box does not fit the source.
        """
        image = open_own(source)
        whole = _whole_mask(work, image.size, mask)
        if whole is None:
            return cls(image, Region(0, 0, *image.size), None, work.strength or WHOLE_STRENGTH)
        inner = whole.getbbox()
        if inner is None:
            raise InvalidRequest("The mask marks nothing that should change.", code="empty_mask")
        region = Region(*inner).with_context(*image.size)
        return cls(image, region, whole.crop(region.box), work.strength or 1.0)

    def pixels(self, shape: tuple[int, int]) -> Tensor:
        """The region at the size that is painted, 1 × 3 × H × W in -1..1."""
        part = self.source.crop(self.region.box)
        if part.size != shape:
            part = part.resize(shape, Image.Resampling.LANCZOS)
        values = torch.from_numpy(np.asarray(part, np.float32) / 127.5 - 1)
        return values.permute(2, 0, 1)[None]

    def cells(self, columns: int, rows: int) -> Tensor | None:
        """1 × 1 × rows × columns of latent cells, 1 where the mask touches a cell; None: all of them.

        A cell that is touched at all is repainted, so that everything inside the mask can change; what of it lies
        outside is the source's again in `composed`.
        """
        if self.mask is None:
            return None
        touched = np.asarray(self.mask.convert("F").resize((columns, rows), Image.Resampling.BOX)) > 0
        return torch.from_numpy(touched.astype(np.float32))[None, None]

    def composed(self, painted: Image.Image) -> Image.Image:
        """The source with the region as it was painted, inside the mask."""
        if painted.size != self.region.size:
            painted = painted.resize(self.region.size, Image.Resampling.LANCZOS)
        if self.mask is None:
            return painted
        old = np.asarray(self.source.crop(self.region.box), np.float32)
        new = np.asarray(painted, np.float32)
        mixed = np.rint(old + inward_feather(self.mask)[..., None] * (new - old)).astype(np.uint8)
        whole = self.source.copy()
        whole.paste(Image.fromarray(mixed), self.region.box)
        return whole

    def glimpse(self, painted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The source, small, with a small picture of the region in it. Both are h × w × 3."""
        if self.mask is None:
            return painted
        scale = MAX_SIDE / max(self.source.size)
        small = self.source.resize(_scaled(self.source.size, scale), Image.Resampling.BOX)
        part = Region(*(round(scale * side) for side in self.region.box))
        size = max(part.width, 1), max(part.height, 1)
        small.paste(Image.fromarray(painted).resize(size), (part.left, part.top), self.mask.resize(size))
        return np.asarray(small)


def inward_feather(mask: Image.Image) -> NDArray[np.float32]:
    """How much of the new picture each pixel gets, 0..1: 0 outside the mask, rising to 1 within FEATHER pixels.

    A mask too thin for that rises faster, so that its middle is always wholly new.
    """
    rings = [mask]
    while len(rings) < FEATHER and (smaller := rings[-1].filter(ImageFilter.MinFilter(3))).getbbox() is not None:
        rings.append(smaller)
    ramp = rings[: (len(rings) + 1) // 2] if len(rings) < FEATHER else rings
    return np.mean([np.asarray(ring, np.float32) for ring in ramp], axis=0) / 255


def _whole_mask(work: EditImage, size: tuple[int, int], mask: bytes | None) -> Image.Image | None:
    """Of the source's size. Raises InvalidRequest."""
    if mask is not None:
        image = open_mask(mask)
        if image.size != size:
            raise InvalidRequest(
                f"The mask is {image.width}x{image.height}, the picture {size[0]}x{size[1]}: they must be of one size.",
                code="invalid_mask",
            )
        return image
    if work.box is None:
        return None
    check_box(work.box, size)
    image = Image.new("L", size, 0)
    image.paste(255, work.box)
    return image


def _scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
