"""The VLM's tokenizer: byte-level BPE learned from its own conversations.

Usage: python -m training.vlm.tokenizer [--out runs/vlm/tokenizer]
Words carry their leading space, digits stand alone, and the frame of a tool call is a handful of tokens.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from training.vlm.conversations import Mix, conversation
from training.vlm.rendering import CALL_TOKENS, END, IMAGE, PAD, ROLE_TOKENS, segments

VOCABULARY = 4096
SPLIT = (
    r"""\\n|\{"name": "|", "arguments": \{"|", "arguments": \{\}\}|"\}\}|": "|", "|": |, "|\{"""
    r"""|'(?:s|t|re|ve|m|ll|d)\b|_\p{L}+| ?\p{Lu}?\p{Ll}+| ?\p{Lu}+(?!\p{Ll})| ?\p{L}+"""
    r"""| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
)
"""Pieces that BPE never merges across. The first are the fixed parts of a tool call's JSON and an escaped newline;
identifiers fall into their words, so that names nobody has seen are made of known ones."""


def corpus(count: int, seed: int = 1) -> Iterator[str]:
    """Texts of random conversations, without special tokens."""
    rng = Random(seed)
    for _ in range(count):
        chat = conversation(rng, Mix())
        text = "".join(piece for piece, _ in segments(chat.messages, chat.tools))
        for token in (*ROLE_TOKENS, *CALL_TOKENS):
            text = text.replace(token, "\n")
        yield from text.split("\n")


def train_tokenizer(conversations: int = 40_000) -> PreTrainedTokenizerFast:
    """Learns the merges. Role tokens are special; the tool call's brackets stay visible when decoding."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    roles = [AddedToken(token, special=True, normalized=False) for token in ROLE_TOKENS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(CALL_TOKENS),
        special_tokens=roles,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(conversations), trainer)
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in CALL_TOKENS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        extra_special_tokens={"image_token": IMAGE},
        clean_up_tokenization_spaces=False,
        model_max_length=4096,
        padding_side="left",
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the VLM's tokenizer.")
    parser.add_argument("--out", default="runs/vlm/tokenizer")
    train_tokenizer().save_pretrained(Path(parser.parse_args().out))
