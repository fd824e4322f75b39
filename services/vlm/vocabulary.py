"""What each token of a vocabulary writes, as bytes. Knows tokenizers; knows no model, no grammar.

Control tokens (`<tool_call>`, `<image>`, end of turn …) write the byte 0xFF and their name. 0xFF occurs in no UTF-8
text, so a control token is never taken for the same characters written with ordinary tokens.
"""

import re
from dataclasses import dataclass
from typing import Any

from llguidance import LLTokenizer
from llguidance.hf import from_tokenizer

from services.vlm.folder import FolderRefused

CONTROL = b"\xff"


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of one model.

    Attributes:
        grammar_tokenizer: the same vocabulary as llguidance sees it.
        texts: the bytes of each token id.
        control_ids: name of a control token to its id.
    """

    grammar_tokenizer: LLTokenizer
    texts: tuple[bytes, ...]
    control_ids: dict[str, int]

    def marker(self, text: str) -> bytes:
        """The bytes that the output shows where `text` is written as the chat template writes it."""
        return b"".join(CONTROL + part.encode() if special else part.encode() for part, special in self.split(text))

    def split(self, text: str) -> list[tuple[str, bool]]:
        """`text` cut into control tokens (True) and ordinary text (False)."""
        names = sorted(self.control_ids, key=len, reverse=True)
        pattern = re.compile("(" + "|".join(map(re.escape, names)) + ")") if names else re.compile("((?!))")
        return [(part, index % 2 == 1) for index, part in enumerate(pattern.split(text)) if part]


def read_vocabulary(tokenizer: Any, eos_ids: tuple[int, ...]) -> Vocabulary:
    """The vocabulary of a fast Hugging Face tokenizer.

    Raises:
        FolderRefused: the tokenizer is neither byte-level nor has it byte fallback, so that some text could not
            be written under a grammar.
    """
    try:
        grammar_tokenizer = from_tokenizer(tokenizer, eos_token=list(eos_ids))
    except ValueError as error:
        raise FolderRefused(f"This tokenizer cannot be used under a grammar: {error}") from error
    texts: list[bytes] = []
    control_ids: dict[str, int] = {}
    for token_id in range(grammar_tokenizer.vocab_size):
        if grammar_tokenizer.is_special_token(token_id):
            name = str(tokenizer.convert_ids_to_tokens(token_id))
            control_ids[name] = token_id
            texts.append(CONTROL + name.encode())
        else:
            texts.append(grammar_tokenizer.decode_bytes([token_id]))
    return Vocabulary(grammar_tokenizer=grammar_tokenizer, texts=tuple(texts), control_ids=control_ids)
