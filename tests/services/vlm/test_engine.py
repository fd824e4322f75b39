"""One engine over a real (tiny) model: seeds, counts, limits, and leaving early."""

import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from services.vlm.request import ChatRequest
from services.vlm.sampling import Sampler


def test_the_same_seed_gives_the_same_answer(engine, ask):
    first, again = (ask(engine, seed=5, max_tokens=24) for _ in range(2))
    other = ask(engine, seed=6, max_tokens=24)
    assert first.text == again.text
    assert first.text != other.text


def test_a_penalty_keeps_tokens_from_coming_again():
    logits, allowed = np.array([2.0, 1.5, 1.0], dtype=np.float32), np.ones(3, dtype=bool)
    once = Sampler(temperature=0, presence_penalty=0.75)
    assert [once.pick(logits, allowed) for _ in range(4)] == [0, 1, 0, 0]
    each_time = Sampler(temperature=0, frequency_penalty=0.4)
    assert [each_time.pick(logits, allowed) for _ in range(6)] == [0, 0, 1, 0, 1, 2]
    assert [Sampler(temperature=0).pick(logits, allowed) for _ in range(2)] == [0, 0]


def test_a_penalty_changes_an_answer_and_keeps_its_seed(engine, ask):
    plain, varied, again = (ask(engine, seed=5, max_tokens=40, frequency_penalty=p).text for p in (0, 2, 2))
    assert plain != varied
    assert varied == again


def test_temperature_0_needs_no_seed(engine, ask):
    assert ask(engine, temperature=0, max_tokens=16).text == ask(engine, temperature=0, max_tokens=16).text


def test_tokens_are_counted_exactly(engine, ask):
    answer = ask(engine, "what now", temperature=0, max_tokens=7)
    chat = "<|im_start|>user what now<|im_end|><|im_start|>assistant"
    assert answer.outcome.prompt_tokens == len(engine.vlm.tokenizer(chat, add_special_tokens=False)["input_ids"])
    if answer.outcome.finish_reason == "length":
        assert answer.outcome.completion_tokens == 7


def test_a_cut_answer_says_so_and_a_cut_call_is_dropped(engine, ask, make_tool):
    tool = make_tool("paint", {"prompt": {"type": "string", "minLength": 200}})
    answer = ask(engine, tools=[tool], tool_choice="required", seed=1, max_tokens=60)
    assert answer.outcome.finish_reason == "length"
    assert answer.outcome.completion_tokens == 60
    assert answer.calls == []
    assert answer.text == ""


def test_a_stop_string_ends_the_answer_before_itself(engine, ask):
    full = ask(engine, seed=2, max_tokens=40)
    stop = full.text[12:15]
    cut = ask(engine, seed=2, max_tokens=40, stop=[stop])
    assert cut.text == full.text[: full.text.index(stop)]
    assert cut.outcome.finish_reason == "stop"
    assert cut.outcome.completion_tokens < full.outcome.completion_tokens


def test_generation_ends_within_one_token_of_the_client_leaving(engine):
    body = {"model": engine.vlm.name, "messages": [{"role": "user", "content": "x"}], "temperature": 1, "seed": 1}
    prepared = engine.prepare(ChatRequest.model_validate(body))
    gone = threading.Event()
    outcome = engine.generate(prepared, lambda piece: gone.set(), gone)
    assert outcome.completion_tokens < 40


def test_a_client_that_left_before_its_turn_costs_nothing(engine):
    body = {"model": engine.vlm.name, "messages": [{"role": "user", "content": "x"}]}
    gone = threading.Event()
    gone.set()
    outcome = engine.generate(engine.prepare(ChatRequest.model_validate(body)), lambda piece: None, gone)
    assert outcome.completion_tokens == 0


def test_pieces_are_handed_on_before_the_next_token_is_computed(engine):
    body = {"model": engine.vlm.name, "messages": [{"role": "user", "content": "x"}], "temperature": 1, "seed": 3}
    prepared = engine.prepare(ChatRequest.model_validate({**body, "max_tokens": 30}))
    times: list[float] = []
    engine.generate(prepared, lambda piece: times.append(time.monotonic()))
    assert len(times) > 5
    assert len(set(times)) == len(times)


def test_two_generations_at_once_give_what_each_gives_alone(engine, ask):
    alone = [ask(engine, seed=seed, max_tokens=20).text for seed in (1, 2)]
    together = [""] * 2

    def run(index: int) -> None:
        together[index] = ask(engine, seed=index + 1, max_tokens=20).text

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert together == alone


def test_an_image_changes_the_answer(engine, ask):
    answers = []
    for colour in ("red", "blue"):
        out = io.BytesIO()
        Image.new("RGB", (32, 32), colour).save(out, "PNG")
        url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "what is this?"}]
        answers.append(ask(engine, messages=[{"role": "user", "content": parts}], seed=1, max_tokens=40))
    assert answers[0].outcome.image_tokens == 16
    assert answers[0].text != answers[1].text


@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.9])
def test_nucleus_sampling_keeps_only_the_likeliest(top_p):
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05], dtype=np.float32))
    sampler = Sampler(temperature=1, top_p=top_p, seed=0)
    picked = {sampler.pick(logits, np.ones(4, dtype=bool)) for _ in range(300)}
    assert picked == {0.01: {0}, 0.5: {0}, 0.9: {0, 1, 2}}[top_p]


def test_sampling_follows_the_probabilities_and_the_mask():
    logits = np.log(np.array([0.1, 0.6, 0.3], dtype=np.float32))
    sampler = Sampler(temperature=1, seed=0)
    picked = [sampler.pick(logits, np.array([True, False, True])) for _ in range(2000)]
    assert 1 not in picked
    assert 0.2 < picked.count(0) / 2000 < 0.3
