"""Whole conversations: calls come before their results, two wishes become two calls, unknown words are named."""

import json
import re
from random import Random

from services.vlm.copying import CopySource, escaped
from training.phrasings import requests
from training.vlm.chat import Conversation
from training.vlm.conversations import Mix, conversation
from training.vlm.painting_turns import both_turn, painted, two_paintings_turn


def test_every_result_answers_a_call_and_every_call_but_the_last_has_one():
    rng = Random(1)
    for _ in range(1500):
        waiting = 0
        chat = conversation(rng, Mix(functions=0))  # clients with functions of their own may leave results out
        for message in chat.messages:
            assert waiting >= 0
            assert message["role"] == "tool" or waiting == 0
            waiting += len(message.get("tool_calls", [])) - (message["role"] == "tool")
        assert chat.messages[-1]["role"] == "assistant"


def test_there_is_a_picture_for_every_image_part():
    rng = Random(2)
    for _ in range(1000):
        chat = conversation(rng, Mix())
        parts = [part for m in chat.messages if isinstance(m["content"], list) for part in m["content"]]
        assert sum(part["type"] == "image" for part in parts) == len(chat.pictures)


def test_drawing_and_reading_are_two_calls_in_the_order_of_the_wishes():
    rng = Random(3)
    orders = set()
    for _ in range(200):
        chat = Conversation()
        both_turn(chat, rng, ["page"], finish=True)
        calls = [call["function"] for call in chat.messages[1]["tool_calls"]]
        orders.add(tuple(call["name"] for call in calls))
        prompt = next(call["arguments"]["prompt"] for call in calls if call["name"] == "generate_image")
        assert any(prompt in part.get("text", "") for part in chat.messages[0]["content"])
        keys = ["image" if "image" in json.loads(m["content"]) else "text" for m in chat.messages[2:4]]
        assert keys == [call["name"].rpartition("_")[2] for call in calls]
    assert len(orders) == 2


def test_two_drawings_are_two_prompts_from_the_message():
    rng = Random(4)
    for _ in range(500):
        message, first, second = requests.two_drawings(rng)
        source = CopySource.of(message, " ")
        for prompt in (first, second):
            assert source.walk(source.begin(), b" " + escaped(prompt) + b'"') is not None, (message, prompt)
    chat = Conversation()
    two_paintings_turn(chat, rng, [], finish=True)
    assert len(chat.messages[1]["tool_calls"]) == 2
    assert chat.unseen == ["image_1", "image_2"]


def test_unknown_words_are_named_by_handle_and_only_then():
    rng = Random(5)
    named = 0
    for _ in range(300):
        chat = Conversation()
        fields, answer = painted(chat, rng)
        found = re.findall(r"\{\{(image_\d+):unknown\}\}", answer)
        assert found == ([fields["image"]] if "unknown_words" in fields else [])
        named += bool(found)
    assert 60 < named < 200
