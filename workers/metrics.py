"""The metrics of a worker process: its jobs, its denoise steps, its GPU."""

from collections.abc import Callable, Mapping

from prometheus_client import Gauge, Histogram

from shared.gpu_metrics import GpuMemory
from shared.job_metrics import JobMetrics
from shared.metrics import new_registry

BATCH_ROWS = (1, 2, 4, 6, 8, 12, 16, 24, 32)
STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class WorkerMetrics(JobMetrics):
    """One per process. Told of jobs by the ledger and by the runner."""

    def __init__(self) -> None:
        self.registry = new_registry()
        super().__init__(self.registry)
        self._steps = Histogram(
            "diptych_denoise_step_seconds",
            "Denoise steps of a job, the wait for its turn among the jobs of the batch included. "
            "The rate of their count is steps per second.",
            buckets=STEP_SECONDS,
            registry=self.registry,
        )

        self._rows = Histogram(
            "diptych_denoise_batch_rows",
            "Rows of the batch in each step of the painter's engine; a picture with guidance has two.",
            buckets=BATCH_ROWS,
            registry=self.registry,
        )

    def batch_stepped(self, rows: int) -> None:
        """The painter's engine does a step of a batch."""
        self._rows.observe(rows)

    def step_took(self, seconds: float) -> None:
        """A denoise step is done."""
        self._steps.observe(seconds)

    def watch_jobs(self, inside: Callable[[], int], slots: int) -> None:
        """Tell from now on how many jobs are inside, and how many may be."""
        running = Gauge("diptych_worker_jobs", "Jobs that run side by side in this worker.", registry=self.registry)
        running.set_function(inside)
        most = Gauge("diptych_worker_slots", "Jobs that may run side by side in this worker.", registry=self.registry)
        most.set(slots)

    def watch_gpu(self, memory: Callable[[], Mapping[str, int]] | None) -> None:
        """Tell from now on how much memory of the GPU is taken; None: there is no GPU."""
        if memory is not None:
            GpuMemory(memory, self.registry)
