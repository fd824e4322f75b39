"""Conversations as padded token batches of about equal work.

Knows tokens and lengths. Does not know what a conversation says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from training.vlm.chat import Conversation, Picture
from training.vlm.conversations import Mix, conversation
from training.vlm.drills import drill
from training.vlm.model import IMAGE_ID, IMAGE_TOKENS, PAD_ID
from training.vlm.rendering import segments

POOL = 192
"""Samples sorted by length at a time."""
TOKENS_IN_BATCH = 2600
LONGEST = 700


@dataclass(frozen=True)
class Sample:
    """Token ids, which of them to learn, and the pictures of its image tokens."""

    ids: list[int]
    wanted: list[bool]
    pictures: list[Picture]


@dataclass(frozen=True)
class Batch:
    """`ids` and `wanted` (B, L), padded on the right, and the pictures in reading order."""

    ids: Tensor
    wanted: Tensor
    pictures: list[Picture]


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
    """Pads on the right."""
    longest = max(len(sample.ids) for sample in chosen)
    ids = torch.full((len(chosen), longest), PAD_ID)
    wanted = torch.zeros((len(chosen), longest), dtype=torch.bool)
    for row, sample in enumerate(chosen):
        ids[row, : len(sample.ids)] = torch.tensor(sample.ids)
        wanted[row, : len(sample.ids)] = torch.tensor(sample.wanted)
    return Batch(ids, wanted, [picture for sample in chosen for picture in sample.pictures])


def batches(rng: Random, tokenizer: PreTrainedTokenizerBase, diet: Diet) -> Iterator[Batch]:
    """Endless; each batch holds samples of similar length, TOKENS_IN_BATCH tokens at most."""
    source = samples(rng, tokenizer, diet)
    while True:
        pool = sorted((next(source) for _ in range(POOL)), key=lambda sample: len(sample.ids))
        groups: list[list[Sample]] = [[]]
        for sample in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(sample.ids) > TOKENS_IN_BATCH:
                groups.append([])
            groups[-1].append(sample)
        rng.shuffle(groups)
        yield from map(collate, groups)
