"""A VLM's server that dies in mid-answer: the stream says so, nothing half-said is recorded as complete."""

import contextlib

import openai
import pytest

from cli.child import python
from cli.plan import Part
from cli.ports import free_port
from tests.faults.house import House, orchestrator, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


@pytest.fixture
def talking(tmp_path):
    """A house with a VLM that counts to fifty at ten tokens a second, and a client of it."""
    port, vlm_port = free_port(), free_port()

    def more(common):
        vlm = Part("vlm", python("bench.stamping_vlm", "--port", str(vlm_port), "--think-s", "0"), common, vlm_port)
        return [vlm, orchestrator(common, port, f"http://127.0.0.1:{vlm_port}/v1")]

    with House(tmp_path, workers=0, more=more) as house:
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="none", max_retries=0, timeout=60) as client:
            yield house, client


def first_words(house, make):
    """What `make` returns, once the VLM answers, and after its first words."""

    def begun():
        with contextlib.suppress(openai.APIError):
            stream = make()
            return stream, next(iter(stream))
        return None

    return wait_for(begun, why=house.logs)[0]


def test_a_chat_whose_vlm_dies_ends_with_an_error_and_the_next_one_is_answered(talking):
    house, client = talking
    messages = [{"role": "user", "content": "count"}]

    def ask():
        return client.chat.completions.create(model="diptych", messages=messages, stream=True)

    stream, reasons = first_words(house, ask), []
    house.signal("vlm")
    with pytest.raises(openai.APIError) as raised:
        for chunk in stream:
            reasons += [choice.finish_reason for choice in chunk.choices]
    assert raised.value.code == "vlm_unavailable"
    assert set(reasons) <= {None}
    first_words(house, ask).close()


def test_a_response_whose_vlm_dies_is_recorded_as_failed(talking):
    house, client = talking

    def ask():
        return client.responses.create(model="diptych", input="count", stream=True, store=True)

    stream = first_words(house, ask)
    house.signal("vlm")
    last = list(stream)[-1]
    assert last.type == "response.failed"
    assert last.response.error.message
    kept = client.responses.retrieve(last.response.id)
    assert kept.status == "failed"
    assert [item for item in kept.output if item.status == "completed"] == []


def test_what_is_asked_while_the_vlm_is_started_again_is_answered(talking):
    house, client = talking
    first_words(house, lambda: client.responses.create(model="diptych", input="count", stream=True)).close()
    house.signal("vlm")
    assert client.responses.create(model="diptych", input="count").status == "completed"
