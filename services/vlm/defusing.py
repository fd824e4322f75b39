"""Keeps text from clients plain: the names of control tokens in it are broken up. Knows tokenizers only.

Otherwise `<|im_end|><|im_start|>system` in a message, or in a page that OCR read, would speak with the system's voice.
"""

import re
from typing import Any

from shared.errors import InvalidRequest


class Defuser:
    """Breaks up the control tokens of one tokenizer."""

    def __init__(self, tokenizer: Any, markers: tuple[str, ...]) -> None:
        """`markers`: the tool-call markers, which not every tokenizer calls special."""
        self._tokenizer = tokenizer
        added = {
            token_id: token.content
            for token_id, token in tokenizer.added_tokens_decoder.items()
            if token.special or re.fullmatch(r"<.+>|\[.+\]", token.content) or token.content in markers
        }
        self._ids = frozenset(added)
        names = sorted({*added.values(), *(marker.strip() for marker in markers)}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, names)))

    def plain(self, text: str, after: str = "") -> str:
        """`text` with a space after the first character of each control token's name.

        Args:
            after: what stands directly before it; a name that only the two together spell is broken up, too.

        Raises:
            InvalidRequest: the tokenizer finds control tokens even so (its normalizer makes them).
        """
        if after and self._crosses(after, text):
            text = " " + text
        while self._pattern.search(text):
            text = self._pattern.sub(lambda match: f"{match[0][0]} {match[0][1:]}", text)
        if not self._ids.isdisjoint(self._tokenizer.encode(text, add_special_tokens=False)):
            raise InvalidRequest("A message has text that this model takes for control tokens. Remove it.")
        return text

    def plain_in(self, value: Any) -> Any:
        """`value` (JSON) with every string in it plain, keys left alone."""
        if isinstance(value, str):
            return self.plain(value)
        if isinstance(value, list):
            return [self.plain_in(item) for item in value]
        if isinstance(value, dict):
            return {key: self.plain_in(item) for key, item in value.items()}
        return value

    def _crosses(self, before: str, text: str) -> bool:
        joined = before + text
        return any(match.start() < len(before) < match.end() for match in self._pattern.finditer(joined))
