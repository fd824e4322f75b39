"""The settings of the VLM server. Knows nothing of how they are used."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from shared.settings import ROOT, MetricsSettings


class VlmSettings(MetricsSettings):
    """What the VLM server reads from the environment."""

    vlm_model: Path = ROOT / "models" / "vlm"
    """Folder of the model: a Hugging Face image-text-to-text checkpoint with a processor and a chat template."""

    vlm_name: str = ""
    """Name under which clients ask for the model; empty: the folder's name."""

    vlm_host: str = "127.0.0.1"
    """Address to listen on. The server has no keys of its own: only the orchestrator should reach it."""

    vlm_port: int = Field(default=8001, ge=1, le=65535)
    """Port to listen on."""

    vlm_device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """Where the model runs; `auto`: the first GPU if there is one, else the CPU."""

    vlm_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the weights; `auto`: float32 on a CPU, bfloat16 on a GPU."""

    vlm_threads: int = Field(default=0, ge=0)
    """CPU threads of torch; 0: torch's own choice (which `OMP_NUM_THREADS` sets)."""

    vlm_max_waiting: int = Field(default=16, ge=0)
    """Requests that may wait behind the running one; further ones are answered 429."""

    vlm_max_images: int = Field(default=16, ge=0)
    """Pictures that one request may carry."""

    vlm_max_body_mib: int = Field(default=64, ge=1)
    """Size limit of a request body, in MiB."""

    vlm_max_tokens: int = Field(default=512, ge=1)
    """Length limit of an answer whose request names none, in tokens."""

    vlm_max_tool_calls: int = Field(default=8, ge=1)
    """Tool calls that one answer may hold when the client allows several."""
