"""How texts are encoded and remembered."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from services.diffusion.prompts import Conditioning, PromptEncoder, Towers

SHAPE = (64, 64)


@pytest.fixture
def towers(sana) -> Towers:
    return sana.model.prompts.towers


def row_bytes(towers: Towers) -> int:
    with torch.inference_mode():
        return towers.row("").nbytes


def encode(encoder: PromptEncoder, prompt: str, negative: str | None = None):
    return encoder.encode(prompt, negative, guidance_scale=3.0, shape=SHAPE)


def test_what_was_encoded_is_not_encoded_again(towers):
    encoder = PromptEncoder(towers, 10 * row_bytes(towers))
    first, again = encode(encoder, "a cat", "blue"), encode(encoder, "a cat")
    assert (encoder.hits, encoder.misses) == (1, 2)
    assert first.guided
    assert not again.guided
    assert again.positive.inputs["states"] is first.positive.inputs["states"]


def test_a_text_is_the_same_row_as_prompt_and_as_negative_prompt(towers):
    encoder = PromptEncoder(towers, 10 * row_bytes(towers))
    prompt = encode(encoder, "a cat", "a cat")
    assert (encoder.hits, encoder.misses) == (1, 1)
    assert torch.equal(prompt.positive.inputs["states"], prompt.negative.inputs["states"])


def test_what_was_not_used_for_longest_goes_first(towers):
    encoder = PromptEncoder(towers, 2 * row_bytes(towers))
    for text in ("a", "b", "a", "c"):  # "b" goes for "c"
        encode(encoder, text)
    assert (encoder.hits, encoder.misses) == (1, 3)
    encode(encoder, "a")
    assert encoder.hits == 2
    encode(encoder, "b")
    assert encoder.misses == 4


def test_a_cache_too_small_for_one_text_keeps_none_and_encodes_all_the_same(towers):
    encoder = PromptEncoder(towers, row_bytes(towers) - 1)
    rows = [encode(encoder, "a cat").positive.inputs["states"] for _ in range(3)]
    assert (encoder.hits, encoder.misses) == (0, 3)
    assert torch.equal(rows[0], rows[2])


def test_many_threads_encode_each_text_once(towers):
    encoder = PromptEncoder(towers, 100 * row_bytes(towers))
    texts = [f"cat {number % 5}" for number in range(60)]
    alone = {text: towers.row(text).inputs["states"] for text in set(texts)}
    with ThreadPoolExecutor(8) as threads:
        prompts = list(threads.map(lambda text: encode(encoder, text), texts))
    assert (encoder.hits, encoder.misses) == (55, 5)
    for text, prompt in zip(texts, prompts, strict=True):
        torch.testing.assert_close(prompt.positive.inputs["states"], alone[text])


def test_tokens_are_those_of_all_rows_and_what_is_dropped_is_the_prompts(towers):
    encoder = PromptEncoder(towers, 0)
    # Each letter is a token here, and one each to begin and to end; 16 are taken in.
    assert encode(encoder, "cat").tokens == 5
    assert encode(encoder, "cat", "").tokens == 5 + 2
    long = encode(encoder, "c" * 20, "d" * 30)
    assert (long.tokens, long.tokens_dropped) == (16 + 16, 6)


def test_conditionings_are_joined_row_by_row(towers):
    encoder = PromptEncoder(towers, 0)
    cat, dog = (encode(encoder, text).positive for text in ("cat", "dog"))
    both = Conditioning.cat([cat, dog])
    assert (cat.rows, both.rows, both.nbytes) == (1, 2, cat.nbytes + dog.nbytes)
    assert torch.equal(both.inputs["mask"][1:], dog.inputs["mask"])
