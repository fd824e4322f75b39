"""The settings that all processes share, and the base that each process's own settings extend.

Each knob is an environment variable `DIPTYCH_<NAME>`, read once at start; a wrong value stops the start with a
sentence. Knows no models, no HTTP.
"""

import contextlib
import secrets
import sys
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """What every process of one installation must agree on."""

    model_config = SettingsConfigDict(env_prefix="DIPTYCH_", frozen=True, extra="ignore", use_attribute_docstrings=True)

    data: Path = ROOT / "data"
    """Folder of everything that lasts: ledger, artifacts, Redis's files, logs."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    """The Redis that carries Celery's messages and the event log."""

    database_url: str = ""
    """SQLAlchemy URL of the ledger; empty: SQLite in the data folder. PostgreSQL: `postgresql+psycopg://…`."""

    lease_s: float = Field(default=15.0, gt=0)
    """Seconds after which a job whose worker has gone silent may be claimed by another."""

    max_attempts: int = Field(default=3, ge=1)
    """Attempts at one job whose worker died while nothing else ran there, after which the job has failed."""

    otlp_endpoint: str = ""
    """Base URL of an OpenTelemetry collector (OTLP over HTTP) that traces are sent to; empty: none, unless
    OpenTelemetry's own `OTEL_EXPORTER_OTLP_ENDPOINT` names one."""

    @property
    def ledger_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data / 'ledger.db'}"

    @property
    def artifact_folder(self) -> Path:
        return self.data / "artifacts"

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process. Exits with a sentence for each wrong value."""
        try:
            return cls()
        except ValidationError as error:
            lines = [_sentence(problem["loc"], problem["msg"]) for problem in error.errors()]
            sys.exit("Diptych cannot start, a setting is wrong:\n  " + "\n  ".join(lines))


class MetricsSettings(Settings):
    """Of a process that serves its metrics on a port of their own."""

    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of `/metrics`, for Prometheus; 0: none."""

    metrics_host: str = "127.0.0.1"
    """Address to serve metrics on. They ask for no key: only Prometheus should reach them."""


def _sentence(where: tuple[int | str, ...], message: str) -> str:
    """Names the variable, never its value: it may be a key."""
    return f"DIPTYCH_{str(where[0]).upper()}: {message}" if where else message.removeprefix("Value error, ")


def link_secret(data: Path) -> bytes:
    """The key that signs artifact links: made once per installation and kept in the data folder."""
    path = data / "link-secret"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        fresh = data / f"link-secret.{secrets.token_hex(4)}"
        fresh.write_text(secrets.token_hex(32))
        fresh.chmod(0o600)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(fresh)  # of two starters at once, the first one's secret stays
        fresh.unlink()
    return bytes.fromhex(path.read_text())
