"""Made-up functions: their schemas are valid, their arguments can be written, and what is held out is never learned."""

import json
from pathlib import Path
from random import Random

import pytest
from llguidance import LLMatcher

from services.vlm.copying import CopySource, escaped
from services.vlm.folder import ToolCallMarkers
from services.vlm.grammar import HEADER, GrammarMaker, call_rule
from services.vlm.request import ChatRequest, ToolSpec
from services.vlm.vocabulary import read_vocabulary
from training.phrasings.composed import others, wish
from training.phrasings.function_splits import HELD_OUT_VERBS, held_out_names, held_out_nouns, shows_held_out
from training.phrasings.functions import spoken
from training.phrasings.known_functions import known_wish
from training.vlm.chat import Conversation
from training.vlm.conversations import Mix, conversation
from training.vlm.drills import drill
from training.vlm.function_turns import function_result, offer
from training.vlm.rendering import free_strings, prefixed, render_call
from training.vlm.tokenizer import train_tokenizer

WRITTEN = Path(__file__).parents[3] / "training/phrasings/evaluation/functions.json"


def wishes(count: int, seed: int = 1):
    rng = Random(seed)
    return [wish(rng, held_out=bool(number % 2)) for number in range(count)]


@pytest.fixture(scope="module")
def vocabulary():
    return read_vocabulary(train_tokenizer(conversations=200), (1,))


def test_arguments_fit_their_schema():
    for each in wishes(1000):
        parameters = each.function["function"]["parameters"]
        assert set(parameters["required"]) <= each.arguments.keys()
        assert list(each.arguments) == [key for key in parameters["properties"] if key in each.arguments]


def test_text_arguments_are_spans_that_the_copy_constraint_lets_through():
    written = total = 0
    for each in wishes(1000):
        source = CopySource.of(" ".join(each.message.split()), " ")
        for key in free_strings(each.function) & each.arguments.keys():
            assert each.arguments[key] in each.message
            total += 1
            written += source.walk(source.begin(), b" " + escaped(each.arguments[key]) + b'"') is not None
    assert written / total > 0.99


def test_messages_have_no_marks_left():
    for each in wishes(2000):
        assert all(ord(char) < 0xE000 for char in each.message + json.dumps(each.arguments, ensure_ascii=False))
        assert not set("[]{}|") & set(each.message)


def test_the_servers_grammar_takes_the_wanted_calls(vocabulary):
    maker = GrammarMaker(vocabulary, ToolCallMarkers(), max_calls=8)
    for each in wishes(150):
        body = {"model": "x", "messages": [{"role": "user", "content": "x"}], "tools": [each.function]}
        maker.make(ChatRequest.model_validate(body))
        rule = f"{HEADER}start: {call_rule(ToolSpec.model_validate(each.function))}\n"
        matcher = LLMatcher(vocabulary.grammar_tokenizer, rule, log_level=0)
        arguments = prefixed(each.arguments, free_strings(each.function))
        call = render_call(each.function["function"]["name"], arguments)
        tokens = vocabulary.grammar_tokenizer.tokenize_str(
            call.removeprefix("<tool_call>").removesuffix("</tool_call>")
        )
        assert matcher.try_consume_tokens(tokens) == len(tokens), call


def test_training_never_shows_a_held_out_function_noun_or_verb():
    rng, kept = Random(3), held_out_names()
    words = held_out_nouns() | HELD_OUT_VERBS
    assert len(kept) > 30 and len(words) > 40
    mix = Mix(drawing=0, reading=0, pages=0, looking=0, words=0, both=0, two=0)
    for number in range(1200):
        chat = drill(rng) if number % 4 == 0 else conversation(rng, mix)
        names = {tool["function"]["name"] for tool in chat.tools}
        assert not names & kept
        assert not words & {word for name in names for word in spoken(name).split()}
        called = [call["function"]["name"] for m in chat.messages for call in m.get("tool_calls", [])]
        if called and called[0] not in ("generate_image", "read_text"):
            said = chat.messages[0]["content"].lower().replace("?", " ").replace(".", " ").replace(",", " ").split()
            assert not words & set(said), said


def test_held_out_wishes_show_something_held_out():
    rng = Random(4)
    made_up = 0
    for _ in range(500):
        each = wish(rng, held_out=True)
        made_up += not shows_held_out(each)
    assert made_up < 0.2 * 500


def test_the_functions_beside_the_wanted_one_are_others():
    rng = Random(5)
    for each in wishes(200):
        names = [other["function"]["name"] for other in others(each, 4, rng)]
        assert len({*names, each.function["function"]["name"]}) == 5


def test_offered_functions_have_different_names_and_hold_the_wanted_ones():
    rng = Random(6)
    for _ in range(200):
        chat = Conversation()
        wanted = offer(chat, rng)
        assert all(each.function in chat.tools for each in wanted)
        assert len({tool["function"]["name"] for tool in chat.tools}) == len(chat.tools) <= 5


def test_the_answer_to_a_result_quotes_it():
    rng = Random(7)
    for _ in range(300):
        told, answer = function_result(rng)
        if answer.startswith("The result: "):
            values = list(told.values()) if isinstance(told, dict) else [told]
            assert all(str(value) in answer for value in values)


def test_messages_for_known_functions_are_thousands():
    rng = Random(8)
    assert len({known_wish(rng).message for _ in range(1500)}) > 1300


def test_written_functions_are_valid_and_their_names_are_not_generated():
    rng = Random(9)
    made = {wish(rng).function["function"]["name"] for _ in range(5000)}
    for group in json.loads(WRITTEN.read_text(encoding="utf-8")):
        tools = {tool["function"]["name"]: tool for tool in group["tools"]}
        assert not made & tools.keys()
        for row in group["messages"]:
            if row["name"]:
                tool, arguments = tools[row["name"]], row["arguments"]
                assert set(tool["function"]["parameters"]["required"]) <= arguments.keys()
                assert all(arguments[key] in row["message"] for key in free_strings(tool) & arguments.keys())
