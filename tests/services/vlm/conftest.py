"""A real but tiny LLaVA folder with random weights, written once per test run, and engines over it."""

import json
import threading

import numpy as np
import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.utils import logging

from services.vlm.engine import Answer, Engine, Outcome
from services.vlm.loading import load
from services.vlm.request import ChatRequest
from services.vlm.settings import VlmSettings

TEMPLATE = """
{%- if tools %}<|im_start|>tools
{%- for tool in tools %} {{ tool.function.name }} {{ tool.function.description }}{% endfor -%}
<|im_end|>{% endif -%}
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{%- if message.content is string %} {{ message.content }}{% else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' %}<image>{% else %} {{ part.text }}{% endif -%}
{%- endfor -%}
{%- endif -%}
{%- for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor -%}
<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant{% endif -%}
"""
CORPUS = [
    "draw an orange cat in a cardboard box, please",
    '{"name": "generate_image", "arguments": {"prompt": " a cat", "negative_prompt": " blur"}}',
    "user assistant system tool what does this say",
]
IMAGE_TOKENS = 16
"""32 px pictures in patches of 8 px."""


def tiny_tokenizer(control_calls: bool) -> PreTrainedTokenizerFast:
    """Byte-level BPE; the call markers are control tokens, or else ordinary text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<pad>", "<|im_start|>", "<|im_end|>", "<image>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    # tokens that write across quotes, as big vocabularies have them
    tokenizer.add_tokens([AddedToken(text, special=False) for text in ('"}}', ' "a', '": "ca', '", "')])
    if control_calls:
        tokenizer.add_tokens([AddedToken(text, special=False) for text in ("<tool_call>", "</tool_call>")])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<pad>")


def write_tiny_folder(folder, *, control_calls: bool = True, diptych: dict | None = None) -> None:
    logging.disable_progress_bar()
    tokenizer = tiny_tokenizer(control_calls)
    picture = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(**picture),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
        chat_template=TEMPLATE,
    )
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = LlamaConfig(**shape, vocab_size=len(tokenizer), max_position_embeddings=1024, eos_token_id=2, pad_token_id=0)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(**shape, image_size=32, patch_size=8),
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        image_seq_length=IMAGE_TOKENS,
    )
    torch.manual_seed(0)
    model = LlavaForConditionalGeneration(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = 2, 0
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    if diptych is not None:
        (folder / "diptych.json").write_text(json.dumps(diptych))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """Folder of the tiny model; its call markers are control tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_folder(folder)
    return folder


@pytest.fixture(scope="session")
def copying_folder(tmp_path_factory):
    """The same with a diptych.json that switches copying on."""
    folder = tmp_path_factory.mktemp("models") / "copying"
    write_tiny_folder(folder, diptych={"copy_arguments": {"prefix": " "}})
    return folder


@pytest.fixture(scope="session")
def plain_marker_folder(tmp_path_factory):
    """The same with call markers that are ordinary text to the tokenizer."""
    folder = tmp_path_factory.mktemp("models") / "plain"
    write_tiny_folder(folder, control_calls=False)
    return folder


def engine_of(folder) -> Engine:
    settings = VlmSettings(vlm_model=folder, vlm_threads=1)
    return Engine(load(settings), settings)


@pytest.fixture(scope="session")
def engine(tiny_folder):
    return engine_of(tiny_folder)


@pytest.fixture(scope="session")
def copying_engine(copying_folder):
    return engine_of(copying_folder)


@pytest.fixture(scope="session")
def plain_marker_engine(plain_marker_folder):
    return engine_of(plain_marker_folder)


def tool_of(name: str, properties: dict, required: list[str] | None = None) -> dict:
    parameters = {"type": "object", "properties": properties, "required": required or list(properties)}
    return {"type": "function", "function": {"name": name, "description": f"does {name}", "parameters": parameters}}


@pytest.fixture(scope="session")
def make_tool():
    """A function from a name and JSON Schema properties to a tool."""
    return tool_of


def request_of(engine: Engine, text: str = "draw a cat", **fields) -> ChatRequest:
    body = {"model": engine.vlm.name, "messages": [{"role": "user", "content": text}], "temperature": 1}
    return ChatRequest.model_validate({**body, **fields})


@pytest.fixture(scope="session")
def ask():
    """A function from an engine and body fields to the engine's whole answer."""
    return lambda engine, text="draw a cat", **fields: engine.answer(request_of(engine, text, **fields))


@pytest.fixture(scope="session")
def ask_at_random():
    """Like `ask`, with random logits in the model's place: harder to keep in order than any model, and quicker."""

    def run(engine: Engine, text: str = "draw a cat", *, seed: int, **fields) -> Answer:
        prepared = engine.prepare(request_of(engine, text, seed=seed, **fields))
        pieces: list = []
        decoding = engine.decoding(prepared, pieces.append, threading.Event())
        logits = np.random.default_rng(seed)
        while not decoding.over and decoding.tokens < prepared.prompt.max_tokens:
            decoding.choose(logits.normal(scale=3, size=len(engine.vlm.tokenizer)).astype(np.float32))
        return Answer.of(pieces, Outcome(decoding.finish(), prepared.prompt.prompt_tokens, 0, decoding.tokens))

    return run
