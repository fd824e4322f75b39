"""The metrics of a worker process, around a real runner."""

from services.gpu import gpu_memory
from shared.jobs import GenerateImage, JobKind, Queue, new_job
from shared.ledger import Ledger
from tests.conftest import ListSink
from workers.job_run import JobRunner
from workers.metrics import WorkerMetrics

KIND = {"kind": "generate_image"}


def test_a_worker_tells_how_many_jobs_run_in_it(engine, ledger, performed):
    metrics = WorkerMetrics()
    runner = JobRunner(Ledger(engine, metrics), ListSink(lambda _: None), 15, metrics)
    metrics.watch_jobs(lambda: runner.inside, slots=4)
    inside = []

    def perform(job):
        inside.append(metrics.registry.get_sample_value("diptych_worker_jobs"))
        yield from performed(job)

    ledger.submit(new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=60))
    runner.run_next(Queue.DIFFUSION, {JobKind.GENERATE_IMAGE: perform})
    assert (inside, metrics.registry.get_sample_value("diptych_worker_jobs")) == ([1], 0)
    assert metrics.registry.get_sample_value("diptych_worker_slots") == 4
    assert metrics.registry.get_sample_value("diptych_job_attempts_total", KIND) == 1


def test_an_attempt_that_is_handed_back_is_counted_as_dropped(engine, ledger, performed):
    metrics = WorkerMetrics()
    runner = JobRunner(Ledger(engine, metrics), ListSink(lambda _: None), 15, metrics)

    def perform(job):
        runner.hand_back()
        yield from performed(job)

    ledger.submit(new_job(GenerateImage(prompt="a cat", seed=1), owner="local", seconds=60))
    runner.run_next(Queue.DIFFUSION, {JobKind.GENERATE_IMAGE: perform})
    dropped = KIND | {"reason": "handed_back"}
    assert metrics.registry.get_sample_value("diptych_job_attempts_dropped_total", dropped) == 1


def test_denoise_steps_are_a_histogram_whose_rate_is_steps_per_second():
    metrics = WorkerMetrics()
    for _ in range(3):
        metrics.step_took(0.02)
    assert metrics.registry.get_sample_value("diptych_denoise_step_seconds_count") == 3


def test_a_device_that_is_no_gpu_has_no_gpu_memory():
    import torch  # noqa: PLC0415 - only this test needs it

    assert gpu_memory(torch.device("cpu")) is None
