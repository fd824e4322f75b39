"""Trains the small byte-level BPE tokenizer that CLIP and the painter share.

Knows captions. Every byte has a token, so no prompt is out of vocabulary.
"""

import json
from random import Random

from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from training.world import caption, sample_scene

MAX_LENGTH = 40
"""Tokens of a prompt, start and end included."""
VOCABULARY = 1280
BOS, EOS, PAD = "<|startoftext|>", "<|endoftext|>", "<|pad|>"
SPECIAL = {"bos_token": BOS, "eos_token": EOS, "pad_token": PAD, "unk_token": EOS}
END_OF_WORD = "</w>"


def _trained_merges(corpus: list[str], merges: int) -> list[tuple[str, str]]:
    blank = CLIPTokenizer(vocab={BOS: 0, EOS: 1, PAD: 2}, merges=[], **SPECIAL)
    backend: Tokenizer = blank.backend_tokenizer
    trainer = BpeTrainer(
        vocab_size=2 * 256 + merges,
        end_of_word_suffix=END_OF_WORD,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(corpus, trainer)
    learned = json.loads(backend.to_str())["model"]["merges"]
    return [tuple(pair) for pair in learned][:merges]


def train_tokenizer(seed: int = 0, captions: int = 30_000) -> CLIPTokenizer:
    """A CLIPTokenizer of at most VOCABULARY tokens learned from random captions; lower-cases."""
    rng = Random(seed)
    corpus = [caption(sample_scene(rng), rng) for _ in range(captions)]
    letters = sorted(ByteLevel.alphabet())
    tokens = [BOS, EOS, PAD, *letters, *(letter + END_OF_WORD for letter in letters)]
    merges = _trained_merges(corpus, VOCABULARY - len(tokens))
    vocabulary = {token: index for index, token in enumerate(tokens)}
    for left, right in merges:
        vocabulary.setdefault(left + right, len(vocabulary))
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=merges,
        model_max_length=MAX_LENGTH,
        **SPECIAL,
    )
