"""The painters of one process, by name: loaded when they are asked for, within a budget of memory. Knows no queue."""

import contextlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from services.diffusion.engine import Watch
from services.diffusion.folder import FolderRefused, weight_bytes
from services.diffusion.painter import Painter
from services.diffusion.settings import DiffusionSettings
from shared.errors import InvalidRequest, JobFailed

DEFAULT = ""
"""The name of the painter that is there from the beginning, and stays."""
log = logging.getLogger(__name__)


class Painters:
    """May be used from several threads; a painter that somebody uses is never let go."""

    def __init__(self, settings: DiffusionSettings, watch: Watch | None = None) -> None:
        """Load the usual painter. Raises FolderRefused."""
        self._settings, self._watch = settings, watch
        self.usual = Painter.from_settings(settings, watch)
        self._others: OrderedDict[str, Painter] = OrderedDict()
        """By name; the last one was used last."""
        self._loading: set[str] = set()
        self._users: dict[str, int] = {}
        self._changed = threading.Condition()

    def names(self) -> list[str]:
        """Of those that can be asked for beside the usual one."""
        folder = self._settings.diffusion_models
        if folder is None or not folder.is_dir():
            return []
        return sorted(path.parent.name for path in folder.glob("*/model_index.json"))

    @contextlib.contextmanager
    def using(self, name: str) -> Iterator[Painter]:
        """A painter, for as long as the context is open. Blocks while it is loaded, and until there is memory for it.

        Raises:
            InvalidRequest: there is none of that name.
            JobFailed: it cannot be loaded.
        """
        if name in (DEFAULT, self.usual.model.name):
            yield self.usual
            return
        if name not in self.names():
            there = ", ".join([self.usual.model.name, *self.names()])
            raise InvalidRequest(f"There is no painter named {name}. There is: {there}.", code="model_not_found")
        try:
            yield self._take(name)
        finally:
            with self._changed:
                self._users[name] -= 1
                self._changed.notify_all()

    def _take(self, name: str) -> Painter:
        """A painter that stays until its users have gone. Who loads one keeps nobody else from those that are there."""
        with self._changed:
            self._users[name] = self._users.get(name, 0) + 1
            while name not in self._others:
                if name not in self._loading and self._makes_room(self._folder_of(name)):
                    self._loading.add(name)
                    break
                self._changed.wait()
            else:
                self._others.move_to_end(name)
                return self._others[name]
        try:
            painter = self._loaded(name)
        finally:
            with self._changed:
                self._loading.remove(name)
                self._changed.notify_all()
        return painter

    def _loaded(self, name: str) -> Painter:
        own = {"diffusion_model": self._folder_of(name), "diffusion_name": name}
        try:
            painter = Painter.from_settings(self._settings.model_copy(update=own), self._watch, set_threads=False)
        except FolderRefused as refusal:
            raise JobFailed(f"The painter {name} cannot be loaded: {refusal}") from refusal
        with self._changed:
            self._others[name] = painter
        return painter

    def _makes_room(self, folder: Path) -> bool:
        """Let painters go that nobody uses, the one that was not used for longest first. False: more must go first."""
        budget = self._settings.diffusion_memory_mb * 10**6
        if not budget:
            return True
        wanted = weight_bytes(folder)
        if wanted > budget:
            raise JobFailed(
                f"The painter {folder.name} needs {wanted // 10**6} MB of memory, and {budget // 10**6} MB are allowed."
            )
        while sum(weight_bytes(self._folder_of(name)) for name in (*self._others, *self._loading)) + wanted > budget:
            idle = next((name for name in self._others if not self._users.get(name)), None)
            if idle is None:
                return False
            log.info("the painter %s makes room for %s", idle, folder.name)
            self._others.pop(idle).close()
        return True

    def _folder_of(self, name: str) -> Path:
        assert self._settings.diffusion_models is not None  # noqa: S101 - names() found it there
        return self._settings.diffusion_models / name
