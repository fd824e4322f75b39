"""All loading of painter weights. Knows folders, diffusers and transformers; knows nothing of requests.

Only safetensors are read, no code from the folder is run, nothing is downloaded. Each component is loaded by a class
named here, never by one that the folder names; the folder's safety checker and feature extractor are left alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from transformers import AutoTokenizer, CLIPTextModel
from transformers.utils.logging import disable_progress_bar

from services.diffusion.autoencoder import AUTOENCODERS, Autoencoder
from services.diffusion.families import FAMILIES, Denoiser
from services.diffusion.folder import FolderRefused, read_defaults, read_index, weights_variant
from services.diffusion.previews import Previewer
from services.diffusion.prompts import PromptEncoder
from services.diffusion.settings import DiffusionSettings
from services.diffusion.shapes import Canvas
from services.diffusion.words import KnownWords

LOCAL: Any = {"local_files_only": True}
FAULTS = (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError)
"""What the libraries raise for folders that do not fit."""


@dataclass(frozen=True)
class Setting:
    """A way to paint: a denoiser, and how it is called where a request says nothing itself."""

    denoiser: Denoiser
    scheduler: Any
    """A diffusers scheduler; each request makes its own from this one's configuration."""
    steps: int
    guidance_scale: float


@dataclass(frozen=True)
class LoadedPainter:
    """A text-to-image model in memory."""

    name: str
    usual: Setting
    fast: Setting | None
    """Few steps of a denoiser distilled for them; None: this model has no such thing."""
    prompts: PromptEncoder
    autoencoder: Autoencoder
    previewer: Previewer
    words: KnownWords
    device: torch.device
    canvas: Canvas


def load(settings: DiffusionSettings) -> LoadedPainter:
    """Load the folder that the settings name.

    Raises:
        FolderRefused: a sentence about what is wrong with it.
    """
    disable_progress_bar()
    folder = settings.diffusion_model.expanduser().absolute()
    index = read_index(folder)
    family = family_of(folder, index)
    defaults = read_defaults(folder)
    if settings.diffusion_threads:
        torch.set_num_threads(settings.diffusion_threads)
    device, dtype = placement(settings, family)

    def setting(suffix: str, steps: int, guidance_scale: float) -> Setting:
        component = folder / f"{family.component}{suffix}"
        network = load_network(family.network_class, component, device, torch_dtype=dtype)
        scheduler = load_scheduler(folder / f"scheduler{suffix}", index["scheduler"])
        return Setting(family(network), scheduler, steps, guidance_scale)

    guidance_scale = family.guidance_scale if defaults.guidance_scale is None else defaults.guidance_scale
    usual = setting("", defaults.steps or family.steps, guidance_scale)
    fast = setting("_fast", defaults.fast.steps, defaults.fast.guidance_scale) if defaults.fast else None
    tower = load_network(CLIPTextModel, folder / "text_encoder", device, dtype=dtype)
    prompts = PromptEncoder(load_tokenizer(folder / "tokenizer"), tower, masks_padding=family.masks_padding)
    network = load_network(AUTOENCODERS[index["vae"]], folder / "vae", device, torch_dtype=torch.float32)
    autoencoder = Autoencoder(network)
    for way in filter(None, (usual, fast)):
        check_fit(folder, way.denoiser, prompts, autoencoder)
    size = defaults.size or usual.denoiser.native_side * autoencoder.stride
    return LoadedPainter(
        name=settings.diffusion_name or folder.name,
        usual=usual,
        fast=fast,
        prompts=prompts,
        autoencoder=autoencoder,
        previewer=Previewer.fitted_to(autoencoder),
        words=KnownWords(defaults.words),
        device=device,
        canvas=Canvas(
            side=size,
            stride=autoencoder.stride * usual.denoiser.patch,
            max_pixels=settings.diffusion_max_pixels or 3 * size * size // 2,
        ),
    )


def check_fit(folder: Path, denoiser: Denoiser, prompts: PromptEncoder, autoencoder: Autoencoder) -> None:
    """Raise FolderRefused where the denoiser does not go with the text tower or the autoencoder."""
    denoiser.check(prompts.width)
    if denoiser.latent_channels != autoencoder.latent_channels:
        raise FolderRefused(
            f"{folder}: the denoiser takes {denoiser.latent_channels} channels, the autoencoder's latents have "
            f"{autoencoder.latent_channels}; only text-to-image models are supported."
        )


def family_of(folder: Path, index: dict[str, str]) -> type[Denoiser]:
    """The denoiser family of a pipeline. Raises FolderRefused for all that is not supported, naming what is."""
    network = index.get("unet") or index.get("transformer") or index["_class_name"]
    parts = (network, index.get("text_encoder"), index.get("vae"))
    fits = network in FAMILIES and index.get("text_encoder") == "CLIPTextModel" and index.get("vae") in AUTOENCODERS
    if not fits or "scheduler" not in index or any(name.endswith(("_2", "_3")) for name in index):
        raise FolderRefused(
            f"{folder} is a {index['_class_name']} of {', '.join(str(part) for part in parts)}. Supported are "
            f"denoisers of the classes {', '.join(FAMILIES)}, with one CLIPTextModel and one of "
            f"{', '.join(AUTOENCODERS)}."
        )
    return FAMILIES[network]


def placement(settings: DiffusionSettings, family: type[Denoiser]) -> tuple[torch.device, torch.dtype]:
    """The device and number format that the settings mean. Raises FolderRefused if there is no such device."""
    device = settings.diffusion_device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise FolderRefused(f"DIPTYCH_DIFFUSION_DEVICE is {device}, but torch sees no GPU here.")
    if settings.diffusion_dtype != "auto":
        return torch.device(device), getattr(torch, settings.diffusion_dtype)
    return torch.device(device), torch.float32 if device == "cpu" else family.gpu_dtype


def load_network(network_class: Any, folder: Path, device: torch.device, **dtype: torch.dtype) -> Any:
    """One component's network, in evaluation mode and without gradients."""
    variant = weights_variant(folder)
    try:
        network = network_class.from_pretrained(folder, use_safetensors=True, variant=variant, **LOCAL, **dtype)
    except FAULTS as error:
        raise FolderRefused(f"{folder} cannot be loaded as a {network_class.__name__}: {error}") from error
    return network.to(device).eval().requires_grad_(False)


def load_tokenizer(folder: Path) -> Any:
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **LOCAL)
    except FAULTS as error:
        raise FolderRefused(f"{folder} cannot be loaded as a tokenizer: {error}") from error


def load_scheduler(folder: Path, class_name: str) -> Any:
    """The folder's scheduler. Raises FolderRefused if diffusers has none of this name."""
    scheduler_class = getattr(diffusers.schedulers, class_name, None)
    if not (isinstance(scheduler_class, type) and issubclass(scheduler_class, SchedulerMixin)):
        raise FolderRefused(
            f"{folder} names the scheduler {class_name}, which diffusers {diffusers.__version__} lacks."
        )
    try:
        return scheduler_class.from_pretrained(folder, **LOCAL)
    except FAULTS as error:
        raise FolderRefused(f"{folder} cannot be loaded as a {class_name}: {error}") from error
