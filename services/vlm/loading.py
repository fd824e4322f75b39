"""All loading of VLM weights. Knows folders and transformers; knows nothing of requests.

Only safetensors are read, no code from the folder is run, nothing is downloaded.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig, PreTrainedModel

from services.vlm.folder import FolderConfig, FolderRefused, read_folder_config
from services.vlm.settings import VlmSettings

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
UNBOUNDED = 10**9
FALLBACK_CONTEXT = 4096


@dataclass(frozen=True)
class LoadedVlm:
    """A model in memory and what its folder says about it."""

    name: str
    model: PreTrainedModel
    processor: Any
    folder: FolderConfig
    device: torch.device
    dtype: torch.dtype
    context: int
    """Tokens that prompt and answer may have together."""
    image_token_id: int | None
    eos_ids: tuple[int, ...]
    temperature: float
    """Used where a request names none: the folder's own, 0 if its generation config does not sample."""
    top_p: float

    @property
    def tokenizer(self) -> Any:
        return self.processor.tokenizer


def load(settings: VlmSettings) -> LoadedVlm:
    """Load the folder that the settings name.

    Raises:
        FolderRefused: a sentence about what is wrong with it.
    """
    folder = settings.vlm_model.expanduser().absolute()
    check_folder(folder)
    config = read_folder_config(folder)
    if settings.vlm_threads:
        torch.set_num_threads(settings.vlm_threads)
    device, dtype = placement(settings.vlm_device, settings.vlm_dtype)
    local = {"trust_remote_code": False, "local_files_only": True}
    try:
        processor = AutoProcessor.from_pretrained(folder, **local)
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=dtype, use_safetensors=True, output_loading_info=True, **local
        )
        model, report = loaded
    except ImportError as error:
        raise FolderRefused(f"{folder} needs a library that is not installed. {error}") from error
    except Exception as error:  # whatever a broken folder makes the library raise, the operator gets a sentence
        raise FolderRefused(f"{folder} cannot be loaded as an image-text-to-text model: {error}") from error
    if report["missing_keys"]:  # transformers would go on with random numbers in their place
        names = ", ".join(sorted(report["missing_keys"])[:3])
        raise FolderRefused(f"{folder} lacks {len(report['missing_keys'])} weights of its model, such as {names}.")
    check_processor(folder, processor)
    torch.nn.Module.to(model, device).eval()
    return describe(settings.vlm_name or folder.name, model, processor, config)


def check_folder(folder: Path) -> None:
    """Refuse what is no model folder, or holds only weights that could run code when read."""
    if not (folder / "config.json").is_file():
        raise FolderRefused(f"{folder} is no model folder: it has no config.json. Set DIPTYCH_VLM_MODEL.")
    if (folder / "adapter_config.json").exists():  # which transformers would load, whatever its weights, with peft
        raise FolderRefused(f"{folder} holds an adapter, which would be loaded unchecked; merge it into the weights.")
    if any(folder.glob("*.safetensors")):
        return
    if any(path for pattern in PICKLES for path in folder.glob(pattern)):
        raise FolderRefused(
            f"{folder} has only pickle weights, which can run code when they are read; "
            "convert them to safetensors (model.save_pretrained writes them)."
        )
    raise FolderRefused(f"{folder} has no *.safetensors weights.")


def check_processor(folder: Path, processor: Any) -> None:
    if getattr(processor, "tokenizer", None) is None or getattr(processor, "image_processor", None) is None:
        raise FolderRefused(f"{folder} has no processor for both text and images.")
    if not getattr(processor.tokenizer, "is_fast", False):
        raise FolderRefused(f"{folder} has no tokenizer.json; only fast tokenizers are supported.")
    if not isinstance(processor.chat_template, (str, dict)):
        raise FolderRefused(f"{folder} has no chat template (chat_template.jinja).")


def placement(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """The device and number format that the settings mean. Raises FolderRefused if there is no such device."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device != "cpu" and not torch.cuda.is_available():
        raise FolderRefused(f"DIPTYCH_VLM_DEVICE is {device}, but torch sees no GPU here.")
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    return torch.device(device), getattr(torch, dtype)


def describe(name: str, model: PreTrainedModel, processor: Any, config: FolderConfig) -> LoadedVlm:
    """Gather what serving needs, and take the folder's sampling habits out of the model: each request says its own."""
    generation = model.generation_config or GenerationConfig()
    eos = generation.eos_token_id if generation.eos_token_id is not None else processor.tokenizer.eos_token_id
    eos_ids = tuple(eos) if isinstance(eos, (list, tuple)) else (eos,)
    if eos_ids == (None,):
        raise FolderRefused(f"{name} names no end-of-sequence token, so its answers would never end.")
    if any(token_id >= len(processor.tokenizer) for token_id in eos_ids):
        raise FolderRefused(f"{name} names an end-of-sequence token that its tokenizer does not have.")
    pad = generation.pad_token_id if generation.pad_token_id is not None else eos_ids[0]
    model.generation_config = GenerationConfig(
        eos_token_id=list(eos_ids), pad_token_id=pad, bos_token_id=generation.bos_token_id
    )
    sampled = bool(generation.do_sample)
    return LoadedVlm(
        name=name,
        model=model,
        processor=processor,
        folder=config,
        device=model.device,
        dtype=model.dtype,
        context=context_length(model, processor),
        image_token_id=image_token_id(model, processor),
        eos_ids=eos_ids,
        temperature=(generation.temperature or 1.0) if sampled else 0.0,
        top_p=(generation.top_p or 1.0) if sampled else 1.0,
    )


def context_length(model: PreTrainedModel, processor: Any) -> int:
    """Positions that the text model knows, or else what its tokenizer says."""
    positions = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    stated = positions or getattr(processor.tokenizer, "model_max_length", UNBOUNDED)
    return int(stated) if stated < UNBOUNDED else FALLBACK_CONTEXT


def image_token_id(model: PreTrainedModel, processor: Any) -> int | None:
    """The id that stands for one image patch in the prompt."""
    for owner in (model.config, processor):
        for name in ("image_token_id", "image_token_index"):
            value = getattr(owner, name, None)
            if isinstance(value, int):
                return value
    return None
