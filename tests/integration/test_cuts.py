"""A short run of `bench.cuts`: the real system around a VLM that answers with all that an answer can hold."""

import pytest

from bench.cuts import EXPECTED, run
from bench.own_system import stamping_vlm
from tests.systems import one_more_orchestrator

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
CUTS = 8


def test_a_stream_of_text_a_picture_and_a_call_is_completed_after_a_cut_at_any_byte(system):
    with stamping_vlm() as vlm_url, one_more_orchestrator(system, DIPTYCH_VLM_URL=vlm_url) as answering:
        cuts = run(answering.url, CUTS, first_seed=1)
    assert [cut for cut in cuts if not cut.whole] == []
    assert all(cut.kinds >= EXPECTED for cut in cuts)
