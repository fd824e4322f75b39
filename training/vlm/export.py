"""Writes the trained VLM as a transformers LLaVA folder: weights in fp16, processor, tokenizer, chat template.

Usage: python -m training.vlm.export [--out models/vlm]
The folder loads with AutoModelForImageTextToText and AutoProcessor and needs nothing of this project. Its file
`diptych.json` tells the server how tool calls look and that their free strings are copied from the user.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, CLIPVisionModel, GenerationConfig, LlavaForConditionalGeneration, LlavaProcessor

from training.clip_model import image_processor
from training.run import RUNS
from training.vlm.model import END_ID, IMAGE_ID, PAD_ID, TrainedParts, llava_config
from training.vlm.rendering import CALL_BEGIN, CALL_END, IMAGE, ROLE_TOKENS

TEMPLATE = Path(__file__).parent / "chat_template.jinja"
DIPTYCH = {"tool_call": {"begin": CALL_BEGIN, "end": CALL_END}, "copy_arguments": {"prefix": " "}}
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


def load_parts(run: Path, tower: CLIPVisionModel) -> TrainedParts:
    """The averaged weights of a training run."""
    parts = TrainedParts(tower.config)
    parts.load_state_dict(load_file(run / "ema.safetensors"))
    return parts.eval()


@torch.no_grad()
def assemble(parts: TrainedParts, tower: CLIPVisionModel) -> LlavaForConditionalGeneration:
    """The parts in transformers' own class, fp32."""
    model = LlavaForConditionalGeneration(llava_config(tower.config))
    model.model.language_model.load_state_dict(parts.decoder.state_dict())
    model.model.multi_modal_projector.load_state_dict(parts.projector.state_dict())
    own = model.model.vision_tower
    missing, unexpected = own.load_state_dict(_renamed(tower.state_dict(), own.state_dict()), strict=False)
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


def export(run: Path, clip: Path, out: Path) -> LlavaForConditionalGeneration:
    """Writes the folder, and returns the model as written but in fp32."""
    tower = CLIPVisionModel.from_pretrained(clip, dtype=torch.float32)
    model = assemble(load_parts(run, tower), tower)
    for stale in out.glob("model*.safetensors*"):
        stale.unlink()
    model.half().save_pretrained(out, max_shard_size=SHARD)
    for shard in out.glob("*.safetensors"):
        shard.chmod(0o644)
    build_processor(run / "tokenizer").save_pretrained(out)
    (out / "diptych.json").write_text(json.dumps(DIPTYCH, indent=2) + "\n")
    return model.float()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Export the VLM.")
    parser.add_argument("--out", default="models/vlm")
    parser.add_argument("--clip", default="models/clip")
    arguments = parser.parse_args()
    export(RUNS / "vlm", Path(arguments.clip), Path(arguments.out))
