"""The exported folder is a plain transformers folder that computes what training computed."""

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from training.vlm.export import export
from training.vlm.model import TrainedParts, untrained_vision_config
from training.vlm.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(folder, the parts it was made from), all untrained."""
    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("vlm")
    parts = TrainedParts(untrained_vision_config()).eval()
    train_tokenizer(conversations=300).save_pretrained(home / "run" / "tokenizer")
    weights = {name: tensor.detach().clone() for name, tensor in parts.named_parameters()}
    save_file(weights, home / "run" / "ema.safetensors")
    export(home / "run", home / "out")
    return home / "out", parts


def test_the_folder_computes_what_training_computed(exported):
    folder, parts = exported
    processor = AutoProcessor.from_pretrained(folder)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    picture = Image.effect_noise((300, 200), 60).convert("RGB")
    content = [{"type": "text", "text": "image_1: "}, {"type": "image", "image": picture}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": [*content, {"type": "text", "text": "what is this?"}]}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        loaded = model(**inputs).logits
        trained = parts.logits(parts.hidden(inputs["input_ids"], parts.look(inputs["pixel_values"])))
    torch.testing.assert_close(loaded, trained, rtol=2e-2, atol=2e-2)
    assert (loaded.argmax(-1) == trained.argmax(-1)).float().mean() > 0.97


def test_the_folder_says_how_to_serve_it(exported):
    folder, _ = exported
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "llava"
    assert (config["vision_feature_layer"], config["image_token_index"]) == (-1, 6)
    assert json.loads((folder / "diptych.json").read_text()) == {
        "tool_call": {"begin": "<tool_call>", "end": "</tool_call>"},
        "copy_arguments": {"prefix": " "},
    }
    assert "chat_template" not in config
    assert (folder / "chat_template.jinja").exists()


def test_weights_are_half_precision_safetensors_in_small_shards(exported):
    folder, _ = exported
    assert not list(folder.glob("*.bin"))
    assert all(file.stat().st_size <= 15_000_000 for file in folder.glob("*.safetensors"))
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float16"
