"""What the decoder reads: the template renders as promised, and words keep their tokens."""

import copy
import json
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from services.vlm import schema
from services.vlm.loading import check_processor
from services.vlm.request import ToolSpec
from training.phrasings.composed import wish
from training.phrasings.functions import Parameter, function_schema
from training.phrasings.tool_schemas import generate_image_schema, read_text_schema
from training.vlm.conversations import Mix, conversation
from training.vlm.drills import drill
from training.vlm.export import build_processor
from training.vlm.rendering import CALL_BEGIN, CALL_END, END, IMAGE, free_strings, prefixed, render_call, segments
from training.vlm.tokenizer import train_tokenizer


@pytest.fixture(scope="module")
def processor(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(conversations=1500).save_pretrained(folder)
    return build_processor(folder)


def rendered(processor, messages, tools=None, **options) -> str:
    return processor.apply_chat_template(messages, tools=tools, tokenize=False, **options)


def as_served(messages: list[dict], tools: list[dict]) -> list[dict]:
    """As the server gives them to the template: free strings with the prefix."""
    free = {tool["function"]["name"]: free_strings(tool) for tool in tools}
    served = copy.deepcopy(messages)
    for call in (call["function"] for message in served for call in message.get("tool_calls", [])):
        call["arguments"] = prefixed(call["arguments"], free.get(call["name"], frozenset()))
    return served


def test_the_template_gives_what_training_reads(processor):
    rng = Random(1)
    for number in range(300):
        chat = conversation(rng, Mix()) if number % 10 else drill(rng)
        wanted = "".join(text for text, _ in segments(chat.messages, chat.tools))
        assert rendered(processor, as_served(chat.messages, chat.tools), chat.tools) == wanted


def test_training_takes_the_same_arguments_for_spans_as_the_server():
    rng = Random(2)
    for tool in [generate_image_schema(), read_text_schema(["image_1"]), *(wish(rng).function for _ in range(100))]:
        assert free_strings(tool) == schema.free_strings(ToolSpec.model_validate(tool))


def test_tools_are_rendered_compactly(processor):
    parameters = (
        Parameter("dueDate", "date"),
        Parameter("copies", "integer", required=False),
        Parameter("size", "enum", options=("small", "large")),
    )
    tools = [read_text_schema(["image_1"]), function_schema("printInvoice", "Prints it. Slowly.", parameters)]
    text = rendered(processor, [{"role": "user", "content": "hi"}], tools, add_generation_prompt=True)
    assert text == (
        "<|tools|>\n(image=image_1) read text: Read all text in a picture exactly, by OCR=read_text"
        "\n(dueDate,copies? integer,size=small|large) print invoice: Prints it=printInvoice"
        "<|end|><|user|> hi<|end|><|assistant|>"
    )


@pytest.mark.parametrize(
    "function",
    [
        {"name": "ping"},
        {"name": "ping", "description": "x" * 500, "parameters": {}},
        {"name": "ping", "parameters": {"type": "object", "properties": {"a": {}, "b": {"type": ["string", "null"]}}}},
        {"name": "ping", "parameters": {"type": "object", "properties": {"a": {"enum": [1, None, True]}, "b": True}}},
    ],
)
def test_any_function_of_a_client_can_be_rendered(processor, function):
    text = rendered(processor, [{"role": "user", "content": "hi"}], [{"type": "function", "function": function}])
    assert text.startswith("<|tools|>\n(") and ") ping" in text and "=ping<|end|>" in text
    assert len(text) < 150


def test_system_text_is_dropped_and_long_results_are_clipped(processor):
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "read\n  this"},
        {"role": "assistant", "content": "x" * 500},
        {"role": "tool", "content": "y" * 5000},
    ]
    wanted = f"<|user|> read this{END}<|assistant|>{'x' * 200}{END}<|tool|> {'y' * 1200}{END}<|user|> read this{END}"
    assert rendered(processor, messages) == wanted


def test_functions_and_lines_that_share_words_with_the_question_are_pointed_at(processor):
    tools = [function_schema("printInvoice", "", ()), function_schema("open_door", "Opens it", ())]
    content = json.dumps({"text": "text_1", "lines": 2, "content": "1: ACME STORE\n2: TOTAL 5.00"})
    question = "What is the total of the invoices?"
    messages = [{"role": "user", "content": question}, {"role": "tool", "content": content}]
    text = rendered(processor, messages, tools)
    assert f"<|user|> {question}<|tools|>\nprintInvoice<|end|><|tool|>" in text
    assert text.endswith(f'TOTAL 5.00"}}<|end|><|user|> {question}<|tools|> =2<|end|>')


@pytest.mark.parametrize("as_text", [True, False])
def test_earlier_calls_look_like_written_ones(processor, as_text):
    arguments = {"prompt": " an orange cat", "negative_prompt": " rain"}
    call = {"type": "function", "function": {"name": "generate_image", "arguments": arguments}}
    if as_text:
        call["function"]["arguments"] = json.dumps(arguments)
    text = rendered(processor, [{"role": "assistant", "content": None, "tool_calls": [call, call]}])
    assert text == "<|assistant|>" + 2 * render_call("generate_image", arguments) + END


def test_a_word_has_the_same_tokens_in_message_and_argument(processor):
    tokenizer = processor.tokenizer
    words = " a zeppelin over Quorbel, at 12 o'clock"
    message = tokenizer.encode(f"<|user|> draw{words}{END}")
    argument = tokenizer.encode(render_call("generate_image", {"prompt": words}))
    inner = tokenizer.encode(words)
    assert any(message[k : k + len(inner)] == inner for k in range(len(message)))
    assert any(argument[k : k + len(inner)] == inner for k in range(len(argument)))


@pytest.mark.parametrize(
    "text", [" Grüße, 你好 🐱!", '{"name": "x", "arguments": {}}', "  two\n\nlines ", "image_12", "fooBar_baz-3"]
)
def test_the_tokenizer_round_trips(processor, text):
    assert processor.tokenizer.decode(processor.tokenizer.encode(text)) == text


def test_call_markers_stay_visible_and_role_tokens_do_not(processor):
    tokenizer = processor.tokenizer
    ids = tokenizer.encode(f"<|assistant|>{CALL_BEGIN}{{}}{CALL_END}{END}")
    assert tokenizer.decode(ids, skip_special_tokens=True) == f"{CALL_BEGIN}{{}}{CALL_END}"


def test_an_image_becomes_64_tokens(processor):
    check_processor(Path("a folder"), processor)
    image = Image.new("RGB", (300, 200))
    parts = [{"type": "text", "text": "image_1: "}, {"type": "image", "image": image}, {"type": "text", "text": "hi"}]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=True, return_dict=True, return_tensors="pt"
    )
    image_id = processor.tokenizer.convert_tokens_to_ids(IMAGE)
    assert int((inputs["input_ids"] == image_id).sum()) == 64
    assert inputs["pixel_values"].shape == (1, 3, 128, 128)
