"""`python -m bench.schemathesis_run --requests 50000`: does the server do what its OpenAPI document says, to the field?

Schemathesis makes requests from the document, three ways in turn: as documented, against the document, and as
documented about things that exist. Every answer must be documented and fit its schema, and none may be a fault of the
server's. That a valid body may still be refused (a picture that is none, a last message that is the assistant's) is no
drift: JSON Schema cannot say it. Without `--url` it is asked of a house of its own, see `scripted_house`.
"""

import argparse
import contextlib
import itertools
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import CheckFunction, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from bench.report import publish
from bench.scripted_house import KEY, scripted_house

MODEL = "diptych"
WAYS = ("documented", "undocumented", "anchored")
EXAMPLES = 40
TOLD = 3
"""Failures of one operation that are told in full."""
CHAT, RESPONSES, CONVERSATIONS = "/v1/chat/completions", "/v1/responses", "/v1/conversations"
WISH = "draw a grey square"
QUESTIONS: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [{"role": "user", "content": WISH}]},
    RESPONSES: {"input": WISH, "previous_response_id": None, "conversation": None},
    CONVERSATIONS: {"items": [{"role": "user", "content": WISH}]},
}
UNSAID: list[CheckFunction] = [positive_data_acceptance]
"""JSON Schema cannot say all that a valid request must be."""
FORMS = {"/v1/files": {"purpose": "vision"}, "/v1/images/edits": {"prompt": WISH}}


@dataclass
class Tally:
    """What came of the requests to one operation."""

    label: str
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def row(self) -> dict[str, Any]:
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        count = self.statuses.total()
        return {"operation": self.label, "requests": count, "failures": len(self.failures), "statuses": statuses}


class Run:
    """Requests to every operation of one server, until there have been enough."""

    def __init__(self, url: str, key: str, examples: int) -> None:
        """`examples`: requests of one way to one operation, before the next one's turn."""
        self._examples = examples
        self._headers = {"Authorization": f"Bearer {key}"}
        self._client = httpx.Client(base_url=url, headers=self._headers, timeout=120)
        self._session = requests.Session()
        config = SchemathesisConfig.from_dict({"generation": {"allow-extra-parameters": False}})  # they are ignored
        document = schemathesis.openapi.from_url(f"{url}/openapi.json", config=config)
        self._operations = [result.ok() for result in document.get_all_operations()]
        self._painted = self._paint()
        self._picture = self._client.get(f"/v1/artifacts/{self._painted['artifact_id']}").content
        self.tallies = {operation.label: Tally(operation.label) for operation in self._operations}

    def close(self) -> None:
        self._client.close()
        self._session.close()

    @property
    def requests(self) -> int:
        return sum(tally.statuses.total() for tally in self.tallies.values())

    def go(self, wanted: int, first_seed: int) -> None:
        """Ask at least `wanted` times. The same seed asks the same, apart from ids that the server makes."""
        for number in itertools.count(first_seed):
            for operation, way in itertools.product(self._operations, WAYS):
                self._ask(operation, way, number)
                if self.requests >= wanted:
                    return
            print(f"{self.requests} requests, {sum(len(tally.failures) for tally in self.tallies.values())} failures")

    def _ask(self, operation: schemathesis.APIOperation, way: str, number: int) -> None:
        mode = GenerationMode.NEGATIVE if way == "undocumented" else GenerationMode.POSITIVE
        known = self._known(self._picture) if way == "anchored" else {}

        @seed(number)
        @settings(
            max_examples=self._examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: schemathesis.Case) -> None:
            if known:
                anchor(case, known, self._picture)
            excluded = UNSAID if not known else [*UNSAID, negative_data_rejection]  # what we wrote into it is well
            self._judge(case, self.tallies[operation.label], excluded)

        try:
            ask()
        except Unsatisfiable:  # nothing about this operation can be done against its document
            return

    def _judge(self, case: schemathesis.Case, tally: Tally, excluded: list[CheckFunction]) -> None:
        response = case.call(headers=self._headers, session=self._session, timeout=120)
        tally.statuses[response.status_code] += 1
        try:
            case.validate_response(response, excluded_checks=excluded)
        except FailureGroup as failures:
            tally.failures.append(str(failures))

    def _known(self, picture: bytes) -> dict[str, str]:
        """Ids of things that exist now, by the names that the paths give them."""
        upload = {"files": {"file": ("a.png", picture)}, "data": {"purpose": "vision"}}
        file = self._post("/v1/files", **upload).json()["id"]
        response = self._post(RESPONSES, json={"model": MODEL, "input": "hello"}).json()["id"]
        conversation = self._post(CONVERSATIONS, json={"items": [{"role": "user", "content": "hello"}]}).json()["id"]
        (item,) = self._client.get(f"{CONVERSATIONS}/{conversation}/items").json()["data"]
        made = {"file_id": file, "response_id": response, "conversation_id": conversation, "item_id": item["id"]}
        return {"model": MODEL, **made, **self._painted}

    def _paint(self) -> dict[str, str]:
        """The ids of a picture and its job."""
        body = {"model": MODEL, "stream": True, "diptych": {}} | QUESTIONS[CHAT]
        while True:  # until the VLM has called its painter
            for line in self._post(CHAT, json=body).text.splitlines():
                if '"job_finished"' in line:
                    event = json.loads(line.removeprefix("data: "))["diptych"]
                    return {"job_id": event["job_id"], "artifact_id": event["output"]["artifact"]}

    def _post(self, path: str, **body: Any) -> httpx.Response:
        return self._client.post(path, **body).raise_for_status()


def anchor(case: schemathesis.Case, known: dict[str, str], picture: bytes) -> None:
    """Make a generated request one about what exists; of a form, only what must be in it is left."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = known.get(name, case.path_parameters[name])
    if case.media_type == "multipart/form-data":
        case.body = FORMS[case.path] | ({"file": picture} if case.path == "/v1/files" else {"image": [picture]})
    elif isinstance(case.body, dict):
        question = next((made for path, made in QUESTIONS.items() if case.path.startswith(path)), {})
        case.body |= {"model": known["model"]} | question


def run(url: str, key: str, wanted: int, *, first_seed: int = 0, examples: int = EXAMPLES) -> list[Tally]:
    """Ask a running server. Returns a tally for each of its operations."""
    with contextlib.closing(Run(url, key, examples)) as asked:
        asked.go(wanted, first_seed)
        return list(asked.tallies.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--url", default="", help="of a running Diptych; empty: one of our own, with stand-ins")
    parser.add_argument("--key", default="none")
    options = parser.parse_args()
    started = time.monotonic()
    if options.url:
        tallies = run(options.url, options.key, options.requests, first_seed=options.seed)
    else:
        with tempfile.TemporaryDirectory() as folder, scripted_house(Path(folder)) as url:
            tallies = run(url, KEY, options.requests, first_seed=options.seed)
    for tally in tallies:
        for failure in tally.failures[:TOLD]:
            print(tally.label, failure)
    statuses = sum((tally.statuses for tally in tallies), Counter())
    figures = {
        "requests": statuses.total(),
        "operations": len(tallies),
        "failures": sum(len(tally.failures) for tally in tallies),
        "server_errors": sum(count for status, count in statuses.items() if status >= 500),
        "seconds": round(time.monotonic() - started),
    }
    publish("schemathesis_run", figures, [tally.row for tally in tallies])


if __name__ == "__main__":
    main()
