"""Where a running system keeps its files. Knows the layout of the data folder, not what the files say."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository."""


@dataclass(frozen=True)
class DataFolder:
    """The one folder of everything that lasts, as far as the commands need it."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / "supervisor.json"

    @property
    def lock(self) -> Path:
        return self.path / "supervisor.lock"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def redis(self) -> Path:
        return self.path / "redis"

    @property
    def targets(self) -> Path:
        """For Prometheus's `file_sd_configs`."""
        return self.path / "prometheus" / "targets.json"

    def log(self, part: str) -> Path:
        return self.logs / f"{part}.log"
