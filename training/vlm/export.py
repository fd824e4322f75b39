"""Writes the trained VLM as a transformers LLaVA folder: weights in fp16, processor, tokenizer, chat template.

Usage: python -m training.vlm.export [--run runs/vlm] [--out models/vlm]
The folder loads with AutoModelForImageTextToText and AutoProcessor and needs nothing of this project. Its file
`diptych.json` tells the server how tool calls look and that their free strings are copied from the user.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, GenerationConfig, LlavaForConditionalGeneration, LlavaProcessor

from training.checkpoint import make_readable
from training.clip_model import image_processor
from training.committed import write_training_state
from training.run import RUNS
from training.vlm.model import END_ID, IMAGE_ID, PAD_ID, TrainedParts, llava_config, untrained_vision_config
from training.vlm.rendering import CALL_BEGIN, CALL_END, COPY_PREFIX, IMAGE, ROLE_TOKENS

TEMPLATE = Path(__file__).parent / "chat_template.jinja"
DIPTYCH = {"tool_call": {"begin": CALL_BEGIN, "end": CALL_END}, "copy_arguments": {"prefix": COPY_PREFIX}}
SHARD = "14MB"


def build_processor(tokenizer_folder: Path) -> LlavaProcessor:
    """Turns chats and PIL images into ids and pixels; one image becomes 64 image tokens."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    if tokenizer.convert_tokens_to_ids([ROLE_TOKENS[0], ROLE_TOKENS[1], IMAGE]) != [PAD_ID, END_ID, IMAGE_ID]:
        raise ValueError(f"the tokenizer in {tokenizer_folder} numbers its tokens differently from the model")
    return LlavaProcessor(
        image_processor=image_processor(),
        tokenizer=tokenizer,
        patch_size=16,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token=IMAGE,
        chat_template=TEMPLATE.read_text(encoding="utf-8"),
    )


def load_parts(run: Path) -> TrainedParts:
    """The averaged weights of a training run."""
    parts = TrainedParts(untrained_vision_config())
    parts.load_state_dict(load_file(run / "ema.safetensors"))
    return parts.eval()


@torch.no_grad()
def assemble(parts: TrainedParts) -> LlavaForConditionalGeneration:
    """The parts in transformers' own class, fp32."""
    model = LlavaForConditionalGeneration(llava_config(parts.tower.config))
    model.model.language_model.load_state_dict(parts.decoder.state_dict())
    model.model.multi_modal_projector.load_state_dict(parts.projector.state_dict())
    own = model.model.vision_tower
    missing, unexpected = own.load_state_dict(_renamed(parts.tower.state_dict(), own.state_dict()), strict=False)
    if missing or unexpected:
        raise RuntimeError(f"the tower does not fit: {missing} {unexpected}")
    model.tie_weights()
    model.generation_config = GenerationConfig(
        eos_token_id=END_ID, pad_token_id=PAD_ID, max_new_tokens=160, do_sample=False
    )
    return model.eval()


def _renamed(state: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tower's weights with or without "vision_model." before their names, as its place in LLaVA has them."""
    prefix = "vision_model."
    if next(iter(wanted)).startswith(prefix) == next(iter(state)).startswith(prefix):
        return state
    if next(iter(state)).startswith(prefix):
        return {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return {prefix + name: tensor for name, tensor in state.items()}


def load_exported(parts: TrainedParts, folder: Path) -> None:
    """Puts an exported model's weights into `parts`. Raises RuntimeError when they are of another shape."""
    model = LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).model
    parts.decoder.load_state_dict(model.language_model.state_dict())
    parts.projector.load_state_dict(model.multi_modal_projector.state_dict())
    parts.tower.load_state_dict(_renamed(model.vision_tower.state_dict(), parts.tower.state_dict()))


def export(run: Path, out: Path) -> LlavaForConditionalGeneration:
    """Writes the folder, and returns the model as written but in fp32."""
    model = assemble(load_parts(run))
    for stale in out.glob("model*.safetensors*"):
        stale.unlink()
    model.half().save_pretrained(out, max_shard_size=SHARD)
    build_processor(run / "tokenizer").save_pretrained(out)
    (out / "diptych.json").write_text(json.dumps(DIPTYCH, indent=2) + "\n")
    if (run / "state.json").exists():
        write_training_state(run, out)
    make_readable(out)
    return model.float()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export the VLM.")
    parser.add_argument("--run", type=Path, default=RUNS / "vlm")
    parser.add_argument("--out", type=Path, default=Path("models/vlm"))
    arguments = parser.parse_args()
    export(arguments.run, arguments.out)
