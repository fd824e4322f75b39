"""A denoiser's forward passes as the engine asks for them: with these LoRAs, and from recordings where there are any.

Knows no pictures. Not for several threads at once.
"""

from collections.abc import Mapping

from torch import Tensor

from services.diffusion.captures import Capture, Captures, Record
from services.diffusion.families import Denoiser
from services.diffusion.lora import Loras, LoraSet
from services.diffusion.prompts import Conditioning

NO_LORAS = LoraSet()


class Passes:
    """The forward passes of one denoiser."""

    def __init__(self, loras: Loras, record: Record | None) -> None:
        """`record`: how to record them; None: each is asked for kernel by kernel."""
        self.loras = loras
        self.denoiser: Denoiser = loras.denoiser
        self._captures = record and Captures(self._from_tensors, record)

    def prepare(
        self, wanted: LoraSet, latents: Tensor, timesteps: Tensor, conditioning: Conditioning
    ) -> Capture | None:
        """Do what the first pass with such inputs takes beyond all others. Returns their recording, if there is one.

        A pass with LoRAs is never recorded: other LoRAs come into the memory that it would read.

        Raises:
            InvalidRequest: see Loras.activate.
        """
        self.loras.activate(wanted)
        if self._captures is None or wanted != NO_LORAS:
            return None
        return self._captures.ready(tensors(latents, timesteps, conditioning))

    def predict(self, wanted: LoraSet, latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """One forward pass with these LoRAs and no others; see `prepare` and Denoiser.predict."""
        recording = self.prepare(wanted, latents, timesteps, conditioning)
        if recording is None:
            return self.denoiser.predict(latents, timesteps, conditioning)
        return recording(tensors(latents, timesteps, conditioning))

    def _from_tensors(self, latents: Tensor, timesteps: Tensor, **steering: Tensor) -> Tensor:
        return self.denoiser.predict(latents, timesteps, Conditioning(steering))


def tensors(latents: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Mapping[str, Tensor]:
    """All that a forward pass computes from."""
    return {"latents": latents, "timesteps": timesteps, **conditioning.inputs}
