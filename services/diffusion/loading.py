"""All loading of painter weights. Knows folders, diffusers and transformers; knows nothing of requests.

Only safetensors are read, no code from the folder is run, nothing is downloaded. Each component is loaded by a class
named here, never by one that the folder names; the folder's safety checker and feature extractor are left alone.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from diffusers.utils.logging import set_verbosity_error
from transformers.utils.logging import disable_progress_bar

from services.diffusion.alike import compute_alike
from services.diffusion.autoencoder import AUTOENCODERS, Autoencoder
from services.diffusion.captures import cuda_graphs
from services.diffusion.components import FAULTS, load_network, load_scheduler, load_texts
from services.diffusion.families import Denoiser, family_of
from services.diffusion.folder import (
    FolderRefused,
    PipelineIndex,
    identity_of,
    read_defaults,
    read_index,
    read_json,
    weight_bytes,
)
from services.diffusion.loaded import LoadedPainter, Setting
from services.diffusion.lora import Loras
from services.diffusion.measured import MeasuredFile, fingerprint
from services.diffusion.number_formats import certain_format, in_the_quicker_format
from services.diffusion.passes import Passes
from services.diffusion.previews import Previewer
from services.diffusion.prompts import Conditioning, PromptEncoder, Towers
from services.diffusion.schedules import Sampler
from services.diffusion.settings import DiffusionSettings
from services.diffusion.shapes import Canvas
from services.diffusion.trials import FEW_ROWS, quickest
from services.diffusion.words import KnownWords


@dataclass(frozen=True)
class Source:
    """A painter's folder, and where it is to run."""

    folder: Path
    index: PipelineIndex
    family: type[Denoiser]
    device: torch.device

    @classmethod
    def of(cls, settings: DiffusionSettings) -> "Source":
        """The one that the settings name. Raises FolderRefused."""
        folder = settings.diffusion_model.expanduser().absolute()
        index = read_index(folder)
        return cls(folder, index, family_of(folder, index), device_of(settings))

    def fingerprint(self) -> str:
        """Of what a denoiser's speed depends on."""
        config = read_json(self.folder / self.family.component / "config.json")
        return fingerprint(self.device, config, self.family.__name__)


def load(settings: DiffusionSettings) -> LoadedPainter:
    """Load the folder that the settings name.

    Raises:
        FolderRefused: a sentence about what is wrong with it.
    """
    disable_progress_bar()
    set_verbosity_error()  # its pipelines log the ends of long prompts
    source = Source.of(settings)
    if (dtype := format_of(settings, source)) is not None:
        return load_in(dtype, source, settings)
    file = MeasuredFile(settings.diffusion_measured)
    load_as = partial(load_in, source=source, settings=settings)
    return in_the_quicker_format(file, source.fingerprint(), load_as, pass_s)


def format_of(settings: DiffusionSettings, source: Source) -> torch.dtype | None:
    """The number format that the settings mean; None: it has to be measured."""
    if settings.diffusion_dtype != "auto":
        return getattr(torch, settings.diffusion_dtype)
    if source.device.type == "cuda":
        return source.family.gpu_dtype
    return certain_format(weight_bytes(source.folder))


def load_in(dtype: torch.dtype, source: Source, settings: DiffusionSettings) -> LoadedPainter:
    """Load a folder in that number format. Raises FolderRefused."""
    folder, index, family, device = source.folder, source.index, source.family, source.device
    defaults = read_defaults(folder)
    record = cuda_graphs(device) if device.type == "cuda" else None

    def setting(suffix: str, steps: int | None, guidance_scale: float | None) -> Setting:
        component = folder / f"{family.component}{suffix}"
        network = load_network(family.network_class, component, device, torch_dtype=dtype)
        compute_alike(network)
        denoiser = family(network)
        sampler = sampler_of(folder / f"scheduler{suffix}", index.classes["scheduler"], family)
        guidance = denoiser.guidance_scale if guidance_scale is None else guidance_scale
        passes = Passes(Loras(settings.diffusion_loras, denoiser), record)
        return Setting(passes, sampler, steps or denoiser.steps, guidance)

    usual = setting("", defaults.steps, defaults.guidance_scale)
    fast = setting("_fast", defaults.fast.steps, defaults.fast.guidance_scale) if defaults.fast else None
    texts = load_texts(folder, index, family, device, dtype)
    towers = usual.denoiser.towers(texts, index.options)
    row = first_row(folder, towers)
    network = load_network(AUTOENCODERS[index.classes["vae"]], folder / "vae", device, torch_dtype=torch.float32)
    autoencoder = Autoencoder(network.to(memory_format=torch.channels_last))  # in which it decodes a tenth faster
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


def pass_s(model: LoadedPainter) -> float:
    """Seconds of a forward pass of a few rows of the model's own size, with one thread or all, what is quicker."""
    way, side = model.usual, model.canvas.side
    row = model.prompts.encode("", None, guidance_scale=way.guidance_scale, shape=(side, side)).positive
    shape = way.denoiser.latent_channels, way.denoiser.native_side, way.denoiser.native_side
    return min(quickest(way.passes, row, shape, FEW_ROWS, threads) for threads in {1, torch.get_num_threads()})


def device_of(settings: DiffusionSettings) -> torch.device:
    """The device that the settings mean. Raises FolderRefused if there is no such device."""
    device = settings.diffusion_device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise FolderRefused(f"DIPTYCH_DIFFUSION_DEVICE is {device}, but torch sees no GPU here.")
    return torch.device(device)
