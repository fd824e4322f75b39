"""Conversations as padded token batches of about equal work, with their pictures.

Knows tokens and lengths. Does not know what a conversation says.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.vlm.chat import Conversation, Picture
from training.vlm.conversations import Mix, conversation
from training.vlm.drills import drill
from training.vlm.model import IMAGE_ID, IMAGE_TOKENS, PAD_ID
from training.vlm.pictures import Labelled, PictureSource
from training.vlm.rendering import segments
from training.world import sample_scene

TOKENS_A_SAMPLE = 13
"""Tokens of a batch for each sample of the pool that is sorted by length: the pool makes about a dozen batches."""
TOKENS_AN_UNASKED = 1300
"""Tokens of a batch for each further scene in it that nobody asks about: the tower learns from its patches."""
LONGEST = 700


@dataclass(frozen=True)
class Sample:
    """Token ids, which of them to learn, and the pictures of its image tokens."""

    ids: list[int]
    wanted: list[bool]
    pictures: list[Picture]


@dataclass(frozen=True)
class Batch:
    """`ids` and `wanted` (B, L), padded on the right; pictures in reading order, the unasked scenes behind them."""

    ids: Tensor
    wanted: Tensor
    asked: int = 0
    """How many of the pictures have tokens in `ids`."""
    pictures: Labelled | None = None


@dataclass(frozen=True)
class Diet:
    """What a stage is fed: the share of drills, the mix of conversations, and whether images are real."""

    drills: float
    mix: Mix
    images: bool


def encode(chat: Conversation, tokenizer: PreTrainedTokenizerBase, image_tokens: int) -> Sample:
    """Every image takes `image_tokens` tokens."""
    ids: list[int] = []
    wanted: list[bool] = []
    for text, is_wanted in segments(chat.messages, chat.tools):
        for token in tokenizer.encode(text, add_special_tokens=False):
            copies = image_tokens if token == IMAGE_ID else 1
            ids += [token] * copies
            wanted += [is_wanted] * copies
    return Sample(ids, wanted, chat.pictures)


def samples(rng: Random, tokenizer: PreTrainedTokenizerBase, diet: Diet) -> Iterator[Sample]:
    """Endless. Without images, one token stands for each image."""
    while True:
        chat = drill(rng) if rng.random() < diet.drills else conversation(rng, diet.mix)
        sample = encode(chat, tokenizer, IMAGE_TOKENS if diet.images else 1)
        if len(sample.ids) <= LONGEST:
            yield sample


def collate(chosen: list[Sample]) -> Batch:
    """Pads on the right. Has no pictures yet."""
    longest = max(len(sample.ids) for sample in chosen)
    ids = torch.full((len(chosen), longest), PAD_ID)
    wanted = torch.zeros((len(chosen), longest), dtype=torch.bool)
    for row, sample in enumerate(chosen):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        wanted[row, : len(sample.ids)] = torch.tensor(sample.wanted)
    return Batch(ids, wanted)


def of_similar_length(source: Iterator[Sample], tokens: int, rng: Random) -> Iterator[list[Sample]]:
    """Endless groups of samples that take `tokens` tokens at most when padded."""
    while True:
        pool = sorted(islice(source, max(1, tokens // TOKENS_A_SAMPLE)), key=lambda sample: len(sample.ids))
        groups: list[list[Sample]] = [[]]
        for sample in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(sample.ids) > tokens:
                groups.append([])
            groups[-1].append(sample)
        rng.shuffle(groups)
        yield from groups


def batches(rng: Random, tokenizer: PreTrainedTokenizerBase, diet: Diet, tokens: int) -> Iterator[Batch]:
    """Endless; each batch holds samples of similar length, `tokens` tokens at most."""
    source = PictureSource(seed=rng.getrandbits(32)) if diet.images else None
    for chosen in of_similar_length(samples(rng, tokenizer, diet), tokens, rng):
        batch = collate(chosen)
        if source is not None:
            asked: list[Picture] = [picture for sample in chosen for picture in sample.pictures]
            unasked = [sample_scene(rng) for _ in range(max(1, tokens // TOKENS_AN_UNASKED))]
            batch = replace(batch, asked=len(asked), pictures=source.batch([*asked, *unasked], rng))
        yield batch
