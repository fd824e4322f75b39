"""What every denoiser family has in common. Knows nothing of schedulers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from services.diffusion.folder import FolderRefused
from services.diffusion.prompts import Conditioning, Towers

LORA_READING: Any = {"use_safetensors": True, "local_files_only": True, "return_lora_metadata": True}


@dataclass(frozen=True)
class LoraFile:
    """A LoRA as diffusers has put it into its own format; keys begin with the component that they are for."""

    weights: Mapping[str, Tensor]
    alphas: Mapping[str, Any] | None
    metadata: Mapping[str, Any] | None


class Denoiser(ABC):
    """A denoising network behind one face, whatever it predicts (noise, velocity, flow): that the scheduler knows."""

    component: ClassVar[str]
    """Its folder in the pipeline."""
    network_class: ClassVar[Any]
    lora_reader: ClassVar[Any]
    """The part of diffusers that knows the formats of this family's LoRAs."""
    texts: ClassVar[Mapping[str, Any]]
    """The text networks that go with it: their classes by their folders in the pipeline."""
    optional: ClassVar[frozenset[str]] = frozenset()
    """Those of `texts` that a folder may lack."""
    gpu_dtype: ClassVar[torch.dtype]
    even_sigmas: ClassVar[bool] = False
    """Whether the scheduler is given sigmas from 1 to 1/steps, evenly spaced, and not a number of steps alone."""
    steps: int
    guidance_scale: float
    distilled_guidance: bool = False
    """Whether guidance is an input of the network, so that one row does where others need two."""
    patch: int = 1
    """Latent cells per side of the network's tokens: latent sides must be multiples of it."""
    longest: int | None = None
    """The most latent cells on a side; None: any number."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.latent_channels = int(network.config.in_channels)
        sample = getattr(network.config, "sample_size", None) or 128
        self.native_side = int(sample if isinstance(sample, int) else sample[0])
        """Side of the latents that it was trained on; 128 where the network does not say, as in diffusers."""

    @abstractmethod
    def towers(self, texts: Mapping[str, Any], options: Mapping[str, Any]) -> Towers:
        """What encodes prompts for it.

        `texts`: loaded networks and tokenizers by their folders, None for one that the folder lacks. `options`: plain
        values of the pipeline's index.
        """

    @abstractmethod
    def widths(self) -> Mapping[str, int]:
        """How wide the network takes the inputs that the towers make, by name."""

    def check(self) -> None:
        """Raise FolderRefused where the network needs more than latents and a prompt."""
        config = self.network.config
        if config.out_channels not in (None, config.in_channels):
            raise FolderRefused(
                f"The {self.network_class.__name__} takes more channels than it gives back: it is for inpainting or "
                "editing."
            )

    def check_row(self, row: Conditioning) -> None:
        """Raise FolderRefused where the network does not take what the text networks make."""
        for name, width in self.widths().items():
            made = row.inputs[name].shape[-1]
            if made != width:
                raise FolderRefused(
                    f"The {self.network_class.__name__} takes text of width {width} as its {name}, but the text "
                    f"encoders make it {made} wide."
                )

    @abstractmethod
    def read_lora(self, path: Path) -> LoraFile:
        """Read a safetensors file of a LoRA, of whatever program. Raises what diffusers raises."""

    @abstractmethod
    def predict(self, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """One forward pass, which never waits for the device.

        Args:
            latents: rows × channels × h × w in float32.
            timesteps: one per row, in float32, of the scheduler's own scale.
            conditioning: as many rows.

        Returns:
            The network's prediction, of the latents' shape and in float32.
        """

    def cast(self, tensor: Tensor) -> Tensor:
        """In the network's own number format."""
        return tensor.to(self.network.dtype)
