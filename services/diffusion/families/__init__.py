"""The denoiser families that can be loaded, and how the network of each is called.

Adding a family: a module here with a subclass of Denoiser and one of Towers, and its name in FAMILIES.
"""

import re
from pathlib import Path

from services.diffusion.autoencoder import AUTOENCODERS
from services.diffusion.families.base import Denoiser
from services.diffusion.families.flux import Flux
from services.diffusion.families.sana import Sana
from services.diffusion.families.sd3 import StableDiffusion3
from services.diffusion.families.stable_diffusion import StableDiffusion, StableDiffusionXL
from services.diffusion.folder import FolderRefused, PipelineIndex

FAMILIES: tuple[type[Denoiser], ...] = (StableDiffusion, StableDiffusionXL, StableDiffusion3, Flux, Sana)
DECISIVE = re.compile(r"(unet|transformer|prior|text_encoder)(_\d)?")
"""Components that say what family a pipeline is of."""


def family_of(folder: Path, index: PipelineIndex) -> type[Denoiser]:
    """The denoiser family of a pipeline. Raises FolderRefused for all that is not supported, naming what is."""
    parts = {name: value for name, value in index.classes.items() if DECISIVE.fullmatch(name)}
    for family in FAMILIES:
        required = {family.component: family.network_class, **family.texts}
        names = {name: part.__name__ for name, part in required.items() if name in parts or name not in family.optional}
        if parts == names and index.classes.get("vae") in AUTOENCODERS and "scheduler" in index.classes:
            return family
    found = [*parts.values(), index.classes.get("vae", "no autoencoder")]
    raise FolderRefused(
        f"{folder} is a {index.pipeline} of {', '.join(found)}. Supported are "
        f"{'; '.join(described(family) for family in FAMILIES)}; each with one of {', '.join(AUTOENCODERS)}."
    )


def described(family: type[Denoiser]) -> str:
    texts = (f"{part.__name__}{' or none' * (name in family.optional)}" for name, part in family.texts.items())
    return f"{family.network_class.__name__} with {', '.join(texts)}"
