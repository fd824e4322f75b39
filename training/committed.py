"""Training that goes on from committed weights: what a fresh clone has instead of a checkpoint.

runs/ is not committed, exports are. Beside the exported weights lies `training.json`: how far they were trained, and
the log of their whole life, thinned. What is missing then is the optimizer's state, so a run that begins from here
warms up again. Knows files. Does not know how a model's weights are read: that is each command's `load`.
"""

import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATE = "training.json"
HISTORY_LINES = 240
"""Lines of log that `training.json` keeps, of all kinds together; about 30 KB."""

Line = dict[str, Any]
"""One line of a log: "step", "minutes", and what was measured then."""


@dataclass(frozen=True)
class Committed:
    """Where a command's exported weights lie, and how they come into the model that is trained.

    `load` raises RuntimeError when the weights are of another model. Parts that only training has, and that the export
    therefore lacks (heads for dense supervision, say), stay as they were built: they begin anew.
    """

    folder: Path
    load: Callable[[], None]

    def is_there(self) -> bool:
        """Whether there is something to go on from."""
        return (self.folder / STATE).exists()


def write_training_state(run: Path, folder: Path) -> None:
    """Writes `training.json` into the export `folder`, from the checkpoint in `run` and its log."""
    state = json.loads((run / "state.json").read_text())
    history = [json.dumps(line) for line in thinned(read_log(run / "log.jsonl"), HISTORY_LINES)]
    head = json.dumps({"step": state["step"], "minutes": round(state["minutes"], 2)})
    # One line of history on a line of the file: a new checkpoint is then a readable diff.
    text = head.removesuffix("}") + ', "history": [\n' + ",\n".join(history) + "\n]}\n"
    (folder / STATE).write_text(text)


def restore_training_state(folder: Path, run: Path) -> dict[str, Any]:
    """The "step" and "minutes" of the export in `folder`; its history becomes the log in `run`."""
    state = json.loads((folder / STATE).read_text())
    lines = [json.dumps(line) + "\n" for line in state.pop("history")]
    (run / "log.jsonl").write_text("".join(lines))
    return state


def read_log(path: Path) -> list[Line]:
    """The lines of a `log.jsonl` by rising step, none where there is no such file.

    Left out are a last line that was cut off, and what a killed run had logged beyond the checkpoint from which it was
    resumed: those steps were done again.
    """
    if not path.exists():
        return []
    kept: list[Line] = []
    for text in reversed(path.read_text().split("\n")[:-1]):
        line = json.loads(text)
        if not kept or line["step"] <= kept[-1]["step"]:
            kept.append(line)
    return kept[::-1]


def thinned(lines: list[Line], most: int) -> list[Line]:
    """At most `most` lines, in order, evenly spaced in steps, with the first and the last of each kind.

    Lines with the same keys are of one kind. Each kind gets an equal share, so that rare lines of scores are not lost
    among the losses.
    """
    kinds: dict[tuple[str, ...], list[int]] = {}
    for place, line in enumerate(lines):
        kinds.setdefault(tuple(line), []).append(place)
    kept: set[int] = set()
    for places in kinds.values():
        kept |= _spread([lines[place]["step"] for place in places], places, max(2, most // len(kinds)))
    return [lines[place] for place in sorted(kept)]


def _spread(steps: list[int], places: list[int], most: int) -> set[int]:
    if len(places) <= most:
        return set(places)
    first, last = steps[0], steps[-1]
    wanted = [first + (last - first) * k / (most - 1) for k in range(most)]
    return {places[min(bisect_left(steps, step), len(places) - 1)] for step in wanted}
