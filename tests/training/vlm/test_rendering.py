"""What the decoder reads: the template renders as promised, and words keep their tokens."""

import json
from random import Random

import pytest
from PIL import Image

from services.vlm.loading import check_processor
from training.phrasings.tool_schemas import generate_image_schema, read_text_schema
from training.vlm.conversations import Mix, conversation, copying
from training.vlm.export import build_processor
from training.vlm.rendering import CALL_BEGIN, CALL_END, END, IMAGE, render_call, segments
from training.vlm.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(conversations=1500).save_pretrained(folder)
    return build_processor(folder)


def rendered(processor, messages, tools=None, **options) -> str:
    return processor.apply_chat_template(messages, tools=tools, tokenize=False, **options)


def test_the_template_gives_what_training_reads(processor):
    rng = Random(1)
    for number in range(300):
        chat = conversation(rng, Mix()) if number % 10 else copying(rng)
        wanted = "".join(text for text, _ in segments(chat.messages, chat.tools))
        assert rendered(processor, chat.messages, chat.tools) == wanted


def test_tools_are_rendered_compactly(processor):
    tools = [generate_image_schema(), read_text_schema(["image_1"])]
    text = rendered(processor, [{"role": "user", "content": "hi"}], tools, add_generation_prompt=True)
    assert text == (
        "<|tools|> generate_image(prompt, negative_prompt) read_text(image)<|end|><|user|> hi<|end|><|assistant|>"
    )


def test_system_text_is_dropped_and_long_results_are_clipped(processor):
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "read\n  this"},
        {"role": "assistant", "content": "x" * 500},
        {"role": "tool", "content": "y" * 500},
    ]
    assert (
        rendered(processor, messages) == f"<|user|> read this{END}<|assistant|>{'x' * 200}{END}<|tool|> {'y' * 80}{END}"
    )


@pytest.mark.parametrize("prompt", ["an orange cat", " an orange cat"])
@pytest.mark.parametrize("as_text", [True, False])
def test_earlier_calls_look_like_written_ones(processor, prompt, as_text):
    arguments = {"prompt": prompt, "negative_prompt": "rain"}
    call = {"type": "function", "function": {"name": "generate_image", "arguments": arguments}}
    if as_text:
        call["function"]["arguments"] = json.dumps(arguments)
    text = rendered(processor, [{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert text == "<|assistant|>" + render_call("generate_image", arguments) + END
    assert '{"prompt": " an orange cat", "negative_prompt": " rain"}' in text


def test_a_word_has_the_same_tokens_in_message_and_argument(processor):
    tokenizer = processor.tokenizer
    words = " a zeppelin over Quorbel, at 12 o'clock"
    message = tokenizer.encode(f"<|user|> draw{words}{END}")
    argument = tokenizer.encode(render_call("generate_image", {"prompt": words}))
    inner = tokenizer.encode(words)
    assert any(message[k : k + len(inner)] == inner for k in range(len(message)))
    assert any(argument[k : k + len(inner)] == inner for k in range(len(argument)))


@pytest.mark.parametrize("text", [" Grüße, 你好 🐱!", '{"name": "x", "arguments": {}}', "  two\n\nlines ", "image_12"])
def test_the_tokenizer_round_trips(processor, text):
    assert processor.tokenizer.decode(processor.tokenizer.encode(text)) == text


def test_call_markers_stay_visible_and_role_tokens_do_not(processor):
    tokenizer = processor.tokenizer
    ids = tokenizer.encode(f"<|assistant|>{CALL_BEGIN}{{}}{CALL_END}{END}")
    assert tokenizer.decode(ids, skip_special_tokens=True) == f"{CALL_BEGIN}{{}}{CALL_END}"


def test_an_image_becomes_64_tokens(processor):
    check_processor(None, processor)
    image = Image.new("RGB", (300, 200))
    parts = [{"type": "text", "text": "image_1: "}, {"type": "image", "image": image}, {"type": "text", "text": "hi"}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=True, return_dict=True, return_tensors="pt"
    )
    image_id = processor.tokenizer.convert_tokens_to_ids(IMAGE)
    assert int((inputs["input_ids"] == image_id).sum()) == 64
    assert inputs["pixel_values"].shape == (1, 3, 128, 128)
