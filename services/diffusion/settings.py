"""What can be set for the painter. Knows no models."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings import ROOT, Settings


class DiffusionSettings(Settings):
    """Settings of a process that paints."""

    diffusion_model: Path = ROOT / "models" / "painter"
    """Folder of the painter: a diffusers text-to-image pipeline (`model_index.json`) with safetensors weights."""

    diffusion_name: str = ""
    """Name of the painter in results and pictures; empty: the folder's name."""

    diffusion_models: Path | None = None
    """Folder of further painters by name, each a folder like `diffusion_model`; loaded when they are asked for."""

    diffusion_memory_mb: int = Field(default=0, ge=0)
    """Megabytes of weights of further painters in memory at a time; who was not used for longest goes first. 0: no
    bound."""

    diffusion_device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where the painter runs; `auto`: the first GPU if there is one, else the CPU."""

    diffusion_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of denoiser and text encoder; `auto`: on a CPU float32, or bfloat16 where that is
    faster, on a GPU the family's own. The autoencoder always computes in float32: half precision overflows in
    several."""

    diffusion_threads: int = Field(default=0, ge=0)
    """CPU threads of torch; 0: one, or as many as `OMP_NUM_THREADS` allows where the denoiser was measured to be
    faster with them."""

    diffusion_reproducibility: Literal["exact", "throughput"] = "exact"
    """`exact`: a request's picture has the same bytes whatever is painted beside it. `throughput`: batches of any size,
    which may change the last bits of some numbers, and now and then a pixel by one."""

    @property
    def diffusion_measured(self) -> Path:
        """What was measured of this machine."""
        return self.data / "measured" / "painter.json"

    diffusion_prompt_cache_mb: int = Field(default=64, ge=0)
    """Megabytes of encoded prompts that are kept in the device's memory, so that a known text is not encoded again."""

    diffusion_preview_every: int = Field(default=4, ge=0)
    """Steps from one preview to the next; 0: no previews."""

    diffusion_max_pixels: int | None = Field(default=None, ge=64 * 64)
    """Pixels that are painted at once; larger pictures are painted smaller and enlarged. Unset: one and a half times
    those of the model's own size, beyond which models repeat themselves."""

    diffusion_judge: Path = ROOT / "models" / "clip"
    """Folder of the CLIP pair that chooses the best of several pictures."""

    diffusion_loras: Path | None = None
    """Folder of LoRAs for the painter, safetensors by name: `NAME.safetensors`, or a folder NAME with one such file."""
