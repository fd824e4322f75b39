"""The loading of a painter's components, one by one. Knows files, diffusers and transformers; knows no painter.

Only safetensors are read, no code from the folder is run, nothing is downloaded. Each component is loaded by a class
named by us, never by one that the folder names.
"""

from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.schedulers.scheduling_utils import SchedulerMixin
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

from services.diffusion.families import Denoiser
from services.diffusion.folder import FolderRefused, PipelineIndex, weights_variant

LOCAL: Any = {"local_files_only": True}
TOKENIZERS: dict[Any, Any] = {
    CLIPTextModel: CLIPTokenizer,
    CLIPTextModelWithProjection: CLIPTokenizer,
    T5EncoderModel: T5Tokenizer,
}
FAULTS = (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError)
"""What the libraries raise for folders that do not fit."""


def load_texts(
    folder: Path, index: PipelineIndex, family: type[Denoiser], device: torch.device, dtype: torch.dtype
) -> dict[str, Any]:
    """The text networks and their tokenizers, by their folders; None for one that the folder lacks."""
    texts: dict[str, Any] = {}
    for name, network_class in family.texts.items():
        words = name.replace("text_encoder", "tokenizer")
        there = name in index.classes
        texts[name] = load_network(network_class, folder / name, device, dtype=dtype) if there else None
        texts[words] = load_tokenizer(TOKENIZERS[network_class], folder / words) if there else None
    return texts


def load_network(network_class: Any, folder: Path, device: torch.device, **dtype: torch.dtype) -> Any:
    """One component's network, in evaluation mode and without gradients."""
    variant = weights_variant(folder)
    try:
        network = network_class.from_pretrained(folder, use_safetensors=True, variant=variant, **LOCAL, **dtype)
    except FAULTS as error:
        raise FolderRefused(f"{folder} cannot be loaded as a {network_class.__name__}: {error}") from error
    # A denoiser on a CPU gains nothing by the layout.
    layout = torch.channels_last if device.type == "cuda" else torch.preserve_format
    return network.to(device, memory_format=layout).eval().requires_grad_(False)


def load_tokenizer(tokenizer_class: Any, folder: Path) -> Any:
    try:
        return tokenizer_class.from_pretrained(folder, **LOCAL)
    except FAULTS as error:
        raise FolderRefused(f"{folder} cannot be loaded as a {tokenizer_class.__name__}: {error}") from error


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
