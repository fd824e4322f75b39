"""What is told of queues and workers, and to whom."""

import dataclasses
import io

import httpx
import pytest
import redis.asyncio
from rich.console import Console

from cli.top import view
from orchestrator.settings import owner_of_key
from orchestrator.vlm.scripted import ScriptedVlm
from shared.event_log import EventWriter
from shared.events import JobProgress
from shared.jobs import GenerateImage, Queue, new_job
from shared.presence import announce, this_worker
from shared.text_jobs import TextRead
from workers.holds import Holds

READ = TextRead(lines=(), width=1, height=1, engine="e", seconds=0)
ONE, TWO = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))


@pytest.fixture
async def house(make_services, redis_url, redis_client):
    """With a painter that lives, and two keys."""
    announce(redis_client, this_worker(Queue.DIFFUSION, "painter", "cpu", slots=2))
    services = make_services(ScriptedVlm([]), api_key="one,two", max_queued=7)
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield dataclasses.replace(services, redis=client)


@pytest.fixture
def submit(ledger):
    def submit(key):
        job = new_job(GenerateImage(prompt="a cat", seed=1), owner=owner_of_key(key), seconds=60)
        ledger.submit(job)
        return job.id

    return submit


async def test_a_queue_tells_what_waits_and_only_ones_own_jobs(client_for, house, ledger, submit):
    holder = Holds(ledger, 15).holder
    done = submit("one")
    ledger.claim(Queue.DIFFUSION, holder, 15)
    ledger.finish(done, 1, READ)
    running, waiting, foreign = submit("one"), submit("one"), submit("two")
    ledger.claim(Queue.DIFFUSION, holder, 15)
    async with client_for(services=house) as client:
        told = (await client.get("/v1/queue", headers=ONE)).json()
        (worker,) = (await client.get("/v1/workers", headers=TWO)).json()["data"]
        others = (await client.get("/v1/queue", headers=TWO)).json()
        assert (await client.get("/v1/queue")).status_code == 401
    painting = next(queue for queue in told["data"] if queue["queue"] == "diffusion")
    assert (painting["waiting"], painting["running"], painting["workers"], painting["slots"]) == (2, 1, 1, 2)
    assert painting["run_s"] > 0
    assert painting["eta_s"] is not None
    assert told["max_queued"] == 7
    assert [(job["id"], job["status"], job["place"]) for job in told["jobs"]] == [
        (running, "running", None),
        (waiting, "queued", 2),
    ]
    assert [(job["id"], job["place"]) for job in others["jobs"]] == [(foreign, 1)]
    assert (worker["worker"], worker["running"], worker["jobs"], worker["slots"]) == ("diffusion", 1, [], 2)
    reading = next(queue for queue in told["data"] if queue["queue"] == "ocr")
    assert (reading["workers"], reading["eta_s"], reading["run_s"]) == (0, None, None)


def answering(routes):
    return httpx.Client(base_url="http://d", transport=httpx.MockTransport(lambda request: routes[request.url.path]))


def printed(client):
    out = io.StringIO()
    shown, answered = view(client, "http://d")
    Console(file=out, width=140).print(shown)
    return out.getvalue(), answered


async def test_top_shows_what_the_api_tells(client_for, house, submit):
    job_id = submit("one")
    async with client_for(services=house) as client:
        paths = ("/v1/queue", "/v1/workers")
        routes = {path: httpx.Response(200, json=(await client.get(path, headers=ONE)).json()) for path in paths}
    text, answered = printed(answering(routes))
    assert answered
    for shown in ("diffusion", "painter", job_id, "0 of 2"):
        assert shown in text


def test_top_says_what_is_wrong_where_nobody_answers():
    refused = httpx.Response(401, json={})
    assert "DIPTYCH_API_KEY" in printed(answering({"/v1/queue": refused, "/v1/workers": refused}))[0]

    def fails(request):
        raise httpx.ConnectError("no")

    text, answered = printed(httpx.Client(base_url="http://d", transport=httpx.MockTransport(fails)))
    assert (answered, "does not answer" in text) == (False, True)


async def test_a_running_job_tells_its_step_to_those_who_do_not_follow_it(
    client_for, house, ledger, submit, redis_client
):
    job_id = submit("one")
    ledger.claim(Queue.DIFFUSION, "somebody", 15)
    with EventWriter(redis_client) as writer:
        writer.append("elsewhere", JobProgress(job_id=job_id, attempt=1, step=3, total=20))
    waiting = submit("one")
    async with client_for(services=house) as client:
        jobs = {job["id"]: job for job in (await client.get("/v1/queue", headers=ONE)).json()["jobs"]}
    assert (jobs[job_id]["step"], jobs[job_id]["total"]) == (3, 20)
    assert (jobs[waiting]["step"], jobs[waiting]["total"]) == (None, None)


async def test_jobs_that_have_ended_are_listed_to_their_owner_page_by_page(client_for, house, ledger, submit):
    first, second, foreign, waiting = submit("one"), submit("one"), submit("two"), submit("one")
    for job_id in (first, second, foreign):
        ledger.cancel(job_id)
    async with client_for(services=house) as client:
        told = (await client.get("/v1/jobs?limit=1", headers=ONE)).json()
        rest = (await client.get(f"/v1/jobs?limit=1&after={told['last_id']}", headers=ONE)).json()
        oldest = (await client.get("/v1/jobs?status=ended&order=asc", headers=ONE)).json()
        others = (await client.get("/v1/jobs", headers=TWO)).json()
        refused = [
            (await client.get(f"/v1/jobs?{query}", headers=ONE)).status_code
            for query in (f"after={foreign}", f"after={waiting}", "limit=0", "limit=101", "status=running", "order=up")
        ]
        assert (await client.get("/v1/jobs")).status_code == 401
    assert ([job["id"] for job in told["data"]], told["has_more"]) == ([second], True)
    assert ([job["id"] for job in rest["data"]], rest["has_more"]) == ([first], False)
    assert [job["id"] for job in oldest["data"]] == [first, second]
    assert (oldest["first_id"], oldest["last_id"], oldest["object"]) == (first, second, "list")
    assert [job["id"] for job in others["data"]] == [foreign]
    shown = told["data"][0]
    assert (shown["kind"], shown["status"], shown["run_s"]) == ("generate_image", "cancelled", None)
    assert 0 <= shown["wait_s"] < 60
    assert "input" not in shown
    assert refused == [404, 404, 400, 400, 400, 400]
