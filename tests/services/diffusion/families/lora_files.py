"""Files of LoRAs, as diffusers' training scripts write them."""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from services.diffusion.loaded import LoadedPainter

TARGETS = ["to_q", "to_k", "to_v", "to_out.0"]


def trained(painter: LoadedPainter, path: Path, seed: int, rank: int = 4) -> None:
    """A LoRA with weights far from nothing, written as diffusers' training scripts do."""
    denoiser = painter.usual.denoiser
    network = type(denoiser.network).from_config(denoiser.network.config)
    torch.manual_seed(seed)
    network.add_adapter(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, init_lora_weights=False))
    weights = get_peft_model_state_dict(network)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = {f"{denoiser.component}.{key}": value for key, value in network.peft_config["default"].to_dict().items()}
    metadata = {"lora_adapter_metadata": json.dumps(settings, default=list)}
    named = {f"{denoiser.component}.{key}": value.contiguous() for key, value in weights.items()}
    save_file(named, path, metadata | {"format": "pt"})
