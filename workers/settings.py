"""The settings of a worker process, whatever it serves."""

from pydantic import Field

from shared.settings import MetricsSettings


class WorkerSettings(MetricsSettings):
    """How a worker takes jobs."""

    worker_name: str = Field(default="", pattern=r"^[a-zA-Z0-9_-]{0,64}$")
    """Which worker of its machine this is, from one process to the next; empty: its process number. What Celery keeps
    in Redis for a name that never comes again stays there."""

    worker_threads: int | None = Field(default=None, ge=1, le=64)
    """Jobs that one worker process holds at a time. Unset: 16 in a painter, which denoises them together, else 4."""

    worker_stop_s: float = Field(default=10, ge=0)
    """Seconds that running jobs have after SIGTERM; what has not ended by then waits for another worker."""
