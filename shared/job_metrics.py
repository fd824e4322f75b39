"""What becomes of jobs, as metrics. The same in orchestrator and workers: each counts what it commits itself."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.job_observer import JobEnd, JobObserver
from shared.jobs import Job, JobKind
from shared.metrics import SECONDS

OWNER_DIGITS = 8
"""Of the digest of a key: enough to tell the keys of one installation apart, too few to find one by trying."""


class JobMetrics(JobObserver):
    """Labels are bounded: kinds and codes by the code, owners by the keys that are set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._submitted = Counter("diptych_jobs_submitted", "Jobs put into a queue.", ["kind"], registry=registry)
        self._attempts = Counter("diptych_job_attempts", "Claims of jobs by workers.", ["kind"], registry=registry)
        self._dropped = Counter(
            "diptych_job_attempts_dropped",
            "Attempts that came to nothing: the lease was lost, or the job handed back at a stop.",
            ["kind", "reason"],
            registry=registry,
        )
        self._lost = Counter(
            "diptych_lease_expiries",
            "Leases that ran out because a worker crashed, froze or was cut off, as the reconciler found them. "
            "alone: nothing else ran in that worker, so that the crash counts against the job.",
            ["kind", "alone"],
            registry=registry,
        )
        self._ended = Counter(
            "diptych_jobs_ended",
            "Jobs that ended, by status and by the code of their error (empty where they are done).",
            ["kind", "status", "code"],
            registry=registry,
        )
        self._looked_up = Counter(
            "diptych_pictures_looked_up",
            "Of the jobs that are done, those whose picture was painted before for the same request.",
            ["kind"],
            registry=registry,
        )
        self._wait = Histogram(
            "diptych_job_wait_seconds",
            "From the submission of a job to its first claim.",
            ["kind", "owner"],
            buckets=SECONDS,
            registry=registry,
        )
        self._run = Histogram(
            "diptych_job_run_seconds",
            "From the last claim of a job to its end in a worker, however it ended.",
            ["kind", "owner"],
            buckets=SECONDS,
            registry=registry,
        )

    def submitted(self, job: Job) -> None:
        self._submitted.labels(job.kind).inc()

    def claimed(self, job: Job) -> None:
        self._attempts.labels(job.kind).inc()
        if job.attempt == 1 and job.claimed_at is not None:
            self._wait.labels(job.kind, job.owner[:OWNER_DIGITS]).observe(max(0.0, job.claimed_at - job.created_at))

    def ended(self, end: JobEnd) -> None:
        self._ended.labels(end.kind, end.status, end.code).inc()
        if end.looked_up:
            self._looked_up.labels(end.kind).inc()
        if end.run_s is not None:
            self._run.labels(end.kind, end.owner[:OWNER_DIGITS]).observe(max(0.0, end.run_s))

    def lost(self, kind: JobKind, *, alone: bool) -> None:
        self._lost.labels(kind, str(alone).lower()).inc()

    def dropped(self, kind: JobKind, reason: str) -> None:
        self._dropped.labels(kind, reason).inc()
