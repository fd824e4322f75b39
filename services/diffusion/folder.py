"""What a painter's folder says about itself, and whether its weights may be read. Knows files, not networks."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5", "*.onnx")
PICKLE_STARTS = (b"PK\x03\x04", b"\x80")
"""First bytes of what torch.save writes: a zip, or a bare pickle."""


class FolderRefused(ValueError):
    """The model folder cannot be served; the message is a sentence that says why and what to do."""


class FastDefaults(BaseModel):
    """How the distilled denoiser in `transformer_fast` (or `unet_fast`), with `scheduler_fast`, is to be called."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    steps: int = Field(ge=1, le=150)
    guidance_scale: float = Field(ge=0, le=30)


class FolderDefaults(BaseModel):
    """`diptych.json`: what a call uses where it says nothing itself. What is None is the family's default."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    steps: int | None = Field(default=None, ge=1, le=150)
    guidance_scale: float | None = Field(default=None, ge=0, le=30)
    size: int | None = Field(default=None, ge=64, le=2048)
    """Side of the square picture that the model was trained for, in pixels."""
    fast: FastDefaults | None = None
    """Where the folder has a distilled denoiser beside the usual one."""
    words: frozenset[str] | None = None
    """All words that a small model knows, lower-case; None: it may know any."""


@dataclass(frozen=True)
class PipelineIndex:
    """What `model_index.json` says of a pipeline."""

    pipeline: str
    classes: Mapping[str, str]
    """Of the components that the folder has, by their folders."""
    options: Mapping[str, Any]
    """The pipeline's plain values."""


def read_index(folder: Path) -> PipelineIndex:
    """Read a pipeline's `model_index.json`.

    Raises:
        FolderRefused: no such folder, or the file is not a pipeline's index.
    """
    path = folder / "model_index.json"
    if not path.is_file():
        raise FolderRefused(
            f"{folder} is no diffusers pipeline: it has no model_index.json. Set DIPTYCH_DIFFUSION_MODEL to a folder "
            "that DiffusionPipeline.save_pretrained wrote."
        )
    index = read_json(path)
    components = {name: value for name, value in index.items() if isinstance(value, list) and len(value) == 2}
    return PipelineIndex(
        pipeline=str(index.get("_class_name")),
        classes={name: str(value[1]) for name, value in components.items() if value[1]},
        options={name: value for name, value in index.items() if name not in components},
    )


def read_defaults(folder: Path) -> FolderDefaults:
    """The folder's `diptych.json`, or no defaults where there is none. Raises FolderRefused if it is malformed."""
    path = folder / "diptych.json"
    if not path.exists():
        return FolderDefaults()
    try:
        return FolderDefaults.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FolderRefused(f"{path}: {where}: {first['msg']}") from None


def identity_of(folder: Path) -> str:
    """Tells whether any file of a folder was changed: made of its files' names, sizes and times, for to read gigabytes
    of weights would take too long."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    about = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def weight_bytes(folder: Path) -> int:
    """What a painter's weights take on disk, and about what they take in memory."""
    return sum(path.stat().st_size for path in folder.glob("*/*.safetensors"))


def read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise FolderRefused(f"{path} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise FolderRefused(f"{path} is not a JSON object.")
    return value


def weights_variant(component: Path) -> str | None:
    """Check that a component's weights are safetensors, and say which variant to load (`fp16`, or None: the plain one).

    Raises:
        FolderRefused: weights are missing, are pickles, or are pickles under a safetensors name.
    """
    files = sorted(component.glob("*.safetensors"))
    if not files:
        others = sorted(path.name for pattern in WEIGHTS for path in component.glob(pattern))
        if others:
            raise FolderRefused(
                f"{component} has its weights only as {others[0]}, a format that can run code when it is read or that "
                "is not supported; save them as safetensors (model.save_pretrained writes them)."
            )
        raise FolderRefused(f"{component} has no *.safetensors weights.")
    for path in files:
        if is_pickle(path):
            raise FolderRefused(
                f"{path} is a pickle under a safetensors name; pickles can run code when they are read."
            )
    if (component / "adapter_config.json").exists():
        raise FolderRefused(
            f"{component} holds an adapter, which would be loaded unchecked; merge it into the weights."
        )
    for index in component.glob("*.safetensors.index*.json"):
        check_shards(index)
    plain = [path for path in files if ".fp16" not in path.name]
    return None if plain else "fp16"


def is_pickle(path: Path) -> bool:
    """By its content, whatever its name."""
    with path.open("rb") as stream:
        return stream.read(4).startswith(PICKLE_STARTS)


def check_shards(index: Path) -> None:
    """Raise FolderRefused where a list of shards names what is no safetensors file beside it."""
    shards = read_json(index).get("weight_map")
    named = {str(name) for name in shards.values()} if isinstance(shards, dict) else {""}
    beside = {path.name for path in index.parent.glob("*.safetensors")}
    if not named <= beside:
        raise FolderRefused(f"{index} names shards that are no safetensors files beside it.")
