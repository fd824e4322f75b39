"""The settings of a worker process, whatever it serves."""

from pydantic import Field

from shared.settings import MetricsSettings


class WorkerSettings(MetricsSettings):
    """How a worker takes jobs."""

    worker_threads: int = Field(default=4, ge=1, le=64)
    """Jobs that one worker process holds at a time; a painter interleaves their denoise steps."""

    worker_stop_s: float = Field(default=10, ge=0)
    """Seconds that running jobs have after SIGTERM; what has not ended by then waits for another worker."""
