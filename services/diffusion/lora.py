"""LoRAs (arXiv 2106.09685) of a folder, by name, on one denoiser. Knows files and peft's adapters; knows no requests.

Only safetensors are read. A LoRA's part for the text encoders, where it has one, is left alone: prompts are encoded
the same for every set.
"""

import warnings
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import torch

from services.diffusion.families import Denoiser
from services.diffusion.folder import is_pickle
from shared.errors import InvalidRequest

MOST_KEPT = 8
"""LoRAs that stay on a denoiser beside those in use; each is some megabytes."""


@dataclass(frozen=True)
class LoraSet:
    """What a picture is painted with: names, each with its weight. Requests of one batch have the same set."""

    weights: tuple[tuple[str, float], ...] = ()


class Loras:
    """The LoRAs that one denoiser can have. Not for several threads at once, like the denoiser."""

    def __init__(self, folder: Path | None, denoiser: Denoiser) -> None:
        self.folder = folder and folder.expanduser()
        self.denoiser = denoiser
        self.active = LoraSet()
        self._adapters: OrderedDict[str, str] = OrderedDict()
        """peft's names of those that are loaded, by ours; the last one was used last."""
        self._loads = 0

    def files(self) -> dict[str, Path]:
        """What there is, by name: `NAME.safetensors`, or the one such file of a folder NAME."""
        if self.folder is None or not self.folder.is_dir():
            return {}
        alone = {path.stem: path for path in self.folder.glob("*.safetensors")}
        grouped: dict[str, list[Path]] = {}
        for path in self.folder.glob("*/*.safetensors"):
            grouped.setdefault(path.parent.name, []).append(path)
        return {name: paths[0] for name, paths in grouped.items() if len(paths) == 1} | alone

    @torch.inference_mode(False)
    def activate(self, wanted: LoraSet) -> None:
        """Make the denoiser compute with these, and no others.

        Raises:
            InvalidRequest: there is none of a name, or it is not for this denoiser. The set stays as it was.
        """
        if wanted == self.active:
            return
        names = [name for name, _ in wanted.weights]
        if len(set(names)) < len(names):
            raise InvalidRequest("A LoRA is named twice.", code="invalid_lora")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # peft warns of every second adapter and of its removal
            try:
                for name in names:
                    self._ensure(name)
                self.active = wanted
            finally:
                self._switch(self.active)
                self._forget_some()

    def _switch(self, wanted: LoraSet) -> None:
        network = self.denoiser.network
        if wanted.weights:
            adapters = [self._adapters[name] for name, _ in wanted.weights]
            network.set_adapters(adapters, [weight for _, weight in wanted.weights])
            network.enable_adapters()
        elif self._adapters:
            network.disable_adapters()
        network.requires_grad_(False)

    def _ensure(self, name: str) -> None:
        """Have a LoRA on the denoiser, though not yet in use."""
        if name in self._adapters:
            self._adapters.move_to_end(name)
            return
        files = self.files()
        if name not in files:
            there = ", ".join(sorted(files)) or "none"
            raise InvalidRequest(f"There is no LoRA named {name}. There is: {there}.", code="unknown_lora")
        if is_pickle(files[name]):
            raise InvalidRequest(f"The LoRA {name} is a pickle, which is never read.", code="invalid_lora")
        self._loads += 1
        adapter = f"lora{self._loads}"
        if not self._fits(files[name], adapter):
            if adapter in getattr(self.denoiser.network, "peft_config", {}):
                self.denoiser.network.delete_adapters(adapter)
            kind = self.denoiser.network_class.__name__
            raise InvalidRequest(f"The LoRA {name} is not for this painter, a {kind}.", code="invalid_lora")
        self._adapters[name] = adapter

    def _fits(self, path: Path, adapter: str) -> bool:
        """Load a file; whether each of its layers for the denoiser found its place."""
        network, component = self.denoiser.network, self.denoiser.component
        try:
            lora = self.denoiser.read_lora(path)
            layers = {key: value for key, value in lora.weights.items() if key.startswith(f"{component}.")}
            network.load_lora_adapter(
                layers, prefix=component, network_alphas=lora.alphas, metadata=lora.metadata, adapter_name=adapter
            )
        except Exception:  # whatever an odd file makes the libraries raise, the asker gets a sentence
            return False
        network.to(dtype=network.dtype)
        placed = sum(f".{adapter}." in name for name, _ in network.named_parameters())
        return placed == len(layers) > 0

    def _forget_some(self) -> None:
        """Drop those that were not used for longest, beyond MOST_KEPT and those in use."""
        in_use = {name for name, _ in self.active.weights}
        spare = [name for name in self._adapters if name not in in_use]
        for name in spare[: max(0, len(spare) - MOST_KEPT)]:
            self.denoiser.network.delete_adapters(self._adapters.pop(name))
