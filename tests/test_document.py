"""The OpenAPI document is true: every answer to requests made from it is documented, and none is a fault of our own."""

import pytest

from bench.schemathesis_run import run
from bench.scripted_house import KEY, scripted_house

REQUESTS = 900


@pytest.mark.integration
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("default")  # of the libraries that make the requests
def test_what_the_server_does_is_what_its_document_says(tmp_path):
    with scripted_house(tmp_path) as url:
        tallies = run(url, KEY, REQUESTS, examples=8)
    assert {tally.label: tally.failures for tally in tallies if tally.failures} == {}
    assert sum(tally.statuses.total() for tally in tallies) >= REQUESTS
    served = [tally.label for tally in tallies if any(status < 400 for status in tally.statuses)]
    # The only job that there is has ended, and paints.
    refused = ["POST /v1/jobs/{job_id}/cancel", "GET /v1/jobs/{job_id}/reading"]
    assert [tally.label for tally in tallies if tally.label not in served + refused] == []
