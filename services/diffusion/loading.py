"""All loading of painter weights. Knows folders, diffusers and transformers; knows nothing of requests.

Only safetensors are read, no code from the folder is run, nothing is downloaded. Each component is loaded by a class
named here, never by one that the folder names; the folder's safety checker and feature extractor are left alone.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers.utils.logging import set_verbosity_error
from transformers.utils.logging import disable_progress_bar

from services.diffusion.autoencoder import AUTOENCODERS, Autoencoder
from services.diffusion.captures import cuda_graphs
from services.diffusion.components import FAULTS, load_network, load_scheduler, load_texts
from services.diffusion.families import Denoiser, family_of
from services.diffusion.folder import FolderRefused, identity_of, read_defaults, read_index
from services.diffusion.lora import Loras
from services.diffusion.passes import Passes
from services.diffusion.previews import Previewer
from services.diffusion.prompts import Conditioning, PromptEncoder, Towers
from services.diffusion.schedules import Sampler
from services.diffusion.settings import DiffusionSettings
from services.diffusion.shapes import Canvas
from services.diffusion.words import KnownWords


@dataclass(frozen=True)
class Setting:
    """A way to paint: a denoiser, and how it is called where a request says nothing itself."""

    denoiser: Denoiser
    sampler: Sampler
    steps: int
    guidance_scale: float
    passes: Passes
    """How the engine asks the denoiser."""


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
    identity: str
    """Of the weights on disk and their number format: another painter, or a new version of this one, has another."""


def load(settings: DiffusionSettings) -> LoadedPainter:
    """Load the folder that the settings name.

    Raises:
        FolderRefused: a sentence about what is wrong with it.
    """
    disable_progress_bar()
    set_verbosity_error()  # its pipelines log the ends of long prompts
    folder = settings.diffusion_model.expanduser().absolute()
    index = read_index(folder)
    family = family_of(folder, index)
    defaults = read_defaults(folder)
    device, dtype = placement(settings, family)
    record = cuda_graphs(device) if device.type == "cuda" else None

    def setting(suffix: str, steps: int | None, guidance_scale: float | None) -> Setting:
        component = folder / f"{family.component}{suffix}"
        denoiser = family(load_network(family.network_class, component, device, torch_dtype=dtype))
        sampler = sampler_of(folder / f"scheduler{suffix}", index.classes["scheduler"], family)
        guidance = denoiser.guidance_scale if guidance_scale is None else guidance_scale
        passes = Passes(Loras(settings.diffusion_loras, denoiser), record)
        return Setting(denoiser, sampler, steps or denoiser.steps, guidance, passes)

    usual = setting("", defaults.steps, defaults.guidance_scale)
    fast = setting("_fast", defaults.fast.steps, defaults.fast.guidance_scale) if defaults.fast else None
    texts = load_texts(folder, index, family, device, dtype)
    towers = usual.denoiser.towers(texts, index.options)
    row = first_row(folder, towers)
    network = load_network(AUTOENCODERS[index.classes["vae"]], folder / "vae", device, torch_dtype=torch.float32)
    autoencoder = Autoencoder(network)
    for way in filter(None, (usual, fast)):
        check_fit(folder, way.denoiser, towers, autoencoder)
        way.denoiser.check_row(row)
    size = defaults.size or usual.denoiser.native_side * autoencoder.stride
    longest = usual.denoiser.longest
    return LoadedPainter(
        name=settings.diffusion_name or folder.name,
        usual=usual,
        fast=fast,
        prompts=PromptEncoder(towers, settings.diffusion_prompt_cache_mb * 10**6),
        autoencoder=autoencoder,
        previewer=Previewer.fitted_to(autoencoder),
        words=KnownWords(defaults.words),
        device=device,
        canvas=Canvas(
            side=size,
            stride=autoencoder.stride * usual.denoiser.patch,
            max_pixels=settings.diffusion_max_pixels or 3 * size * size // 2,
            longest=None if longest is None else longest * autoencoder.stride,
        ),
        identity=f"{identity_of(folder)} {dtype} {device.type}",
    )


def sampler_of(folder: Path, class_name: str, family: type[Denoiser]) -> Sampler:
    """Raises FolderRefused."""
    try:
        return Sampler(load_scheduler(folder, class_name), even_sigmas=family.even_sigmas)
    except ValueError as error:
        raise FolderRefused(f"{folder} is a {class_name}, which cannot be used: {error}.") from error


def check_fit(folder: Path, denoiser: Denoiser, towers: Towers, autoencoder: Autoencoder) -> None:
    """Raise FolderRefused where the denoiser does not go with the text networks or the autoencoder."""
    denoiser.check()
    if denoiser.latent_channels != autoencoder.latent_channels:
        raise FolderRefused(
            f"{folder}: the denoiser takes {denoiser.latent_channels} channels, the autoencoder's latents have "
            f"{autoencoder.latent_channels}; only text-to-image models are supported."
        )
    if denoiser.distilled_guidance is towers.negates:
        raise FolderRefused(f"{folder}: the usual and the fast denoiser are not guided in the same way.")


@torch.inference_mode()
def first_row(folder: Path, towers: Towers) -> Conditioning:
    """What the text networks make of no text. Raises FolderRefused where they do not fit together."""
    try:
        return towers.row("")
    except FAULTS as error:
        raise FolderRefused(f"{folder}: the text networks do not fit together: {error}") from error


def placement(settings: DiffusionSettings, family: type[Denoiser]) -> tuple[torch.device, torch.dtype]:
    """The device and number format that the settings mean. Raises FolderRefused if there is no such device."""
    device = settings.diffusion_device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise FolderRefused(f"DIPTYCH_DIFFUSION_DEVICE is {device}, but torch sees no GPU here.")
    if settings.diffusion_dtype != "auto":
        return torch.device(device), getattr(torch, settings.diffusion_dtype)
    if device != "cpu":
        return torch.device(device), family.gpu_dtype
    quick = torch.cpu.get_capabilities()
    halves = quick.get("avx512_bf16") or quick.get("amx_bf16")
    return torch.device(device), torch.bfloat16 if halves else torch.float32
