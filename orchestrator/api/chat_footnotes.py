"""What supports the quotes of an answer, as plain footnotes: chat clients have no other place for it."""

from dataclasses import dataclass, field

from shared.events import TextDelta, TextQuote


@dataclass
class Footnotes:
    """Of one choice."""

    _notes: list[str] = field(default_factory=list)

    def marked(self, event: TextDelta) -> str:
        """The piece of text, with a number behind each quote; none in a block, which is the text that was read."""
        if event.text.lstrip(" ").startswith(("```", "~~~")):
            return event.text
        out, at = "", 0
        for quote in event.quotes:
            out += f"{event.text[at : quote.end]}[{self._number(quote)}]"
            at = quote.end
        return out + event.text[at:]

    def all(self) -> str:
        """What stands below the answer; empty where it quotes nothing."""
        return "".join(f"\n\n[{number}] {note}" for number, note in enumerate(self._notes, 1))

    def _number(self, quote: TextQuote) -> int:
        note = _note(quote)
        if note not in self._notes:
            self._notes.append(note)
        return self._notes.index(note) + 1


def _note(quote: TextQuote) -> str:
    first, last = quote.lines[0], quote.lines[-1]
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    note = f"{quote.image or quote.text}, {lines}"
    return note if quote.written is None else f"{note}; the model had written “{quote.written}”"
