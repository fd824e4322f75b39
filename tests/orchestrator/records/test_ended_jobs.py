"""Jobs that have ended: an owner's own, in pages, found by an index however many there are."""

import pytest
import sqlalchemy as sa

from orchestrator.records.ended_jobs import EndedJobs
from shared.errors import ErrorRecord, NotFound
from shared.job_table import jobs
from shared.jobs import JobStatus, Queue
from shared.text_jobs import TextRead

READ = TextRead(lines=(), width=1, height=1, engine="e", seconds=0)


@pytest.fixture
def ended_jobs(engine):
    return EndedJobs(engine)


@pytest.fixture
def three(ledger, submit):
    """One that is done, one that failed, one that was cancelled while it waited; in the order in which they ended."""
    ids = [submit() for _ in range(3)]
    for _ in range(2):
        ledger.claim(Queue.DIFFUSION, "w", 15)
    ledger.finish(ids[0], 1, READ)
    ledger.fail(ids[1], 1, ErrorRecord(code="job_failed", message="no"))
    ledger.cancel(ids[2])
    return ids


def moments(engine, job_id, **values):
    with engine.begin() as connection:
        connection.execute(jobs.update().where(jobs.c.id == job_id).values(values))


def ids(page):
    return [job.id for job in page[0]]


def test_only_an_owner_s_own_that_have_ended_are_listed(ended_jobs, ledger, submit, three):
    submit()
    ledger.cancel(submit("somebody"))
    found, more = ended_jobs.page("local", limit=20, newest_first=True, after=None)
    assert ([job.id for job in found], more) == (three[::-1], False)
    assert [job.status for job in found] == [JobStatus.CANCELLED, JobStatus.FAILED, JobStatus.DONE]
    assert [job.error and job.error.code for job in found] == ["job_cancelled", "job_failed", None]


def test_how_long_each_waited_and_ran(engine, ended_jobs, three):
    moments(engine, three[0], created_at=100.0, started_at=103.0, claimed_at=110.0, finished_at=112.5)
    moments(engine, three[2], created_at=100.0, finished_at=104.0)
    found = {job.id: job for job in ended_jobs.page("local", limit=20, newest_first=True, after=None)[0]}
    assert (found[three[0]].wait_s, found[three[0]].run_s) == (10.0, 2.5)
    assert (found[three[2]].wait_s, found[three[2]].run_s) == (4.0, None)


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_follow_each_other_also_where_jobs_ended_in_one_moment(engine, ended_jobs, three, newest_first):
    for job_id in three:
        moments(engine, job_id, finished_at=7.0)
    seen, after, more = [], None, True
    while more:
        page, more = ended_jobs.page("local", limit=1, newest_first=newest_first, after=after)
        after = page[0].id
        seen.append(after)
    assert seen == sorted(three, reverse=newest_first)


def test_a_page_follows_only_a_job_of_the_owner_s_that_has_ended(ended_jobs, ledger, submit, three):
    foreign = submit("somebody")
    ledger.cancel(foreign)
    for after in (foreign, submit(), "job_none"):
        with pytest.raises(NotFound):
            ended_jobs.page("local", limit=1, newest_first=True, after=after)


def test_a_page_is_found_by_the_index_and_without_sorting(engine, ended_jobs, three):
    told = []
    sa.event.listen(engine, "before_cursor_execute", lambda *call: told.append(call[2:4]))
    ended_jobs.page("local", limit=2, newest_first=True, after=three[2])
    statement, values = told[-1]
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if not sqlite:
            connection.exec_driver_sql("SET enable_seqscan = off")  # of three rows it would take all
        plan = connection.exec_driver_sql(f"EXPLAIN {'QUERY PLAN' if sqlite else ''} {statement}", values).all()
    words = " ".join(str(row) for row in plan)
    assert "jobs_ended_of_owner" in words
    assert "TEMP B-TREE" not in words
    assert "Sort" not in words
