"""What is read before a scripted VLM is asked, with the real reader; and how its answers are checked."""

import json

import pytest

from orchestrator.checking import NOT_CHECKED, NOT_READ
from orchestrator.conversation import Conversation
from orchestrator.handles import fenced
from orchestrator.items import PictureMade, TextPart, ToolResult
from orchestrator.turn_reading import asked_about
from orchestrator.vlm.client import VlmEnd, VlmText
from orchestrator.vlm.scripted import ScriptedVlm
from shared.text_jobs import TextRead
from tests.conftest import data_url, png
from tests.orchestrator.dying import WISH, dying_before_each_write, take_jobs
from tests.orchestrator.test_planner import Without, showing
from training.reading.pages import make_page

pytestmark = pytest.mark.usefixtures("profiled")
READ = {"type": "diptych:read_text"}
PAINT = {"type": "image_generation"}
SMALL = make_page(0, 7)
LARGE = make_page(0, 24)


def create(client, *pages, words="what does it say?", **body):
    (message,) = showing(*pages)
    content = [*message["content"][:-1], {"type": "input_text", "text": words}]
    return client.responses.create(model="diptych", input=[{"role": "user", "content": content}], **body)


def kinds(response):
    return [item.type for item in response.output]


async def test_small_print_is_read_before_the_model_is_asked(sdk_for, reading):
    async with sdk_for([VlmText(text="It says:\n\n{{text_1:2}}")], served_by=reading) as client:
        response = await create(client, SMALL.png, tools=[READ])
        ((messages, offer),) = client.house.vlm.asked
    assert kinds(response) == ["diptych:read_text_call", "message"]
    call, message = response.output
    assert (call.status, call.arguments) == ("completed", {"image": "image_1"})
    assert call.output["text"].splitlines() == list(SMALL.lines)
    assert [said["role"] for said in messages] == ["system", "user", "assistant", "tool"]
    assert messages[2]["tool_calls"][0]["function"]["name"] == "read_text"
    assert SMALL.lines[1] in messages[3]["content"]
    assert "measured" not in messages[0]["content"]  # there is nothing unread any more
    assert offer.choice == "auto"
    (part,) = message.content
    (quote,) = part.annotations
    assert part.text[quote.start_index : quote.end_index] == SMALL.lines[1]
    assert (quote.type, quote.image, quote.lines, quote.error_rate) == ("diptych:quote", "image_1", [2], 0)
    assert quote.boxes == [call.output["lines"][1]["box"]]


async def test_the_annotations_of_a_stream_are_those_of_its_message(sdk_for, reading):
    said = [VlmText(text=f"It says “{SMALL.lines[0]}”. "), VlmText(text="And {{text_1:2}}.")]
    async with sdk_for(said, served_by=reading) as client:
        stream = await create(client, SMALL.png, tools=[READ], stream=True)
        events = [event async for event in stream]
        again = await client.responses.retrieve(events[-1].response.id)
    added = [event for event in events if event.type == "response.output_text.annotation.added"]
    (part,) = events[-1].response.output[-1].content
    assert [event.annotation.to_dict() for event in added] == [one.to_dict() for one in part.annotations]
    assert [event.annotation_index for event in added] == [0, 1]
    assert [part.text[one.start_index : one.end_index] for one in part.annotations] == list(SMALL.lines[:2])
    assert again.output[-1].content[0].annotations == part.annotations


async def test_who_does_not_know_our_reading_sees_nothing_but_the_standard(sdk_for, reading):
    async with sdk_for([VlmText(text="{{text_1:2}}")], served_by=reading) as client:
        response = await create(client, SMALL.png)
    assert kinds(response) == ["message"]
    assert response.output[0].content[0].annotations == []


@pytest.mark.parametrize(
    ("page", "words", "body"),
    [
        (LARGE.png, "what does it say?", {}),
        (png(64, 64), "what does it say?", {}),
        (SMALL.png, "draw a cat in a box", {}),
        (SMALL.png, "", {}),
        (SMALL.png, "what does it say?", {"tool_choice": "none"}),
        (SMALL.png, "what does it say?", {"tools": [PAINT], "tool_choice": PAINT}),
    ],
)
async def test_nothing_is_read_first_where_nothing_calls_for_it(sdk_for, reading, page, words, body):
    async with sdk_for([VlmText(text="Hm.")], served_by=reading) as client:
        response = await create(client, page, words=words, **body)
        ((messages, _),) = client.house.vlm.asked
    assert kinds(response) == ["message"]
    told = messages[0]["content"].partition("measured")[2]
    assert ("- image_1: 4 of 4 lines" in told) == (page == SMALL.png)


async def test_what_a_model_makes_up_is_marked_and_what_it_miscopies_is_corrected(sdk_for, reading):
    page = make_page(2, 7)
    line, wrong = page.lines[0], f"{page.lines[0][:-1]}x"
    said = f"It says “{wrong}”. The code is QQ-12345. A nice page."
    async with sdk_for([VlmText(text=said)], served_by=reading) as client:
        response = await create(client, page.png, tools=[READ])
    assert response.output_text == f"It says “{line}”. The code is QQ-12345{NOT_READ}. A nice page."
    (quote,) = response.output[-1].content[0].annotations
    assert (quote.written, quote.error_rate) == (wrong, round(1 / len(line), 4))


@pytest.mark.parametrize("bound", [{}, {"maxLength": 500}])
async def test_in_a_json_answer_what_it_miscopies_is_corrected_as_its_schema_allows(sdk_for, reading, bound):
    page = make_page(9, 7)
    line, wrong = page.lines[0], page.lines[0].replace("o", "a")
    schema = {
        "type": "object",
        "properties": {"line": {"type": "string"} | bound},
        "required": ["line"],
        "additionalProperties": False,
    }
    form = {"format": {"type": "json_schema", "name": "line", "schema": schema, "strict": True}}
    said = [VlmText(text=piece) for piece in ('{"line": "', wrong, '"}')]
    async with sdk_for(said, served_by=reading) as client:
        response = await create(client, page.png, tools=[READ], text=form)
    assert json.loads(response.output_text) == {"line": wrong if bound else line}
    assert response.output[-1].content[0].annotations == []


@pytest.mark.parametrize("without", ["tool", "worker"])
async def test_where_it_cannot_be_read_it_is_said_so(sdk_for, reading, ledger, without):
    served_by = Without(ledger, lambda *_: None) if without == "worker" else reading
    body = {"tool_choice": "none"} if without == "tool" else {}
    async with sdk_for([VlmText(text="The code is K-42.")], served_by=served_by) as client:
        response = await create(client, SMALL.png, **body)
    assert response.output_text == f"The code is K-42{NOT_CHECKED}."


async def test_what_was_read_is_not_read_again(sdk_for, reading):
    answers = [VlmText(text="{{text_1:1}}")], [VlmText(text="{{text_1:2}}")]
    async with sdk_for(*answers, served_by=reading) as client:
        first = await create(client, SMALL.png, tools=[READ])
        second = await client.responses.create(
            model="diptych", input="and the second line?", previous_response_id=first.id, tools=[READ]
        )
    assert (kinds(second), second.output_text) == (["message"], f"```text\n{SMALL.lines[1]}\n```")


async def test_one_call_is_left_to_the_model(sdk_for, reading):
    pages = [make_page(number, 7).png for number in range(3)]
    async with sdk_for([VlmText(text="Long.")], served_by=reading, max_calls=3) as client:
        response = await create(client, *pages, tools=[READ])
    calls = [item.arguments["image"] for item in response.output if item.type == "diptych:read_text_call"]
    assert sorted(calls) == ["image_1", "image_2"]


async def test_a_chat_is_told_of_it_as_of_any_call(client_for, make_services, reading):
    services = make_services(ScriptedVlm([[VlmText(text="It is {{text_1:2}}.")]]), reading)
    content = [{"type": "image_url", "image_url": {"url": data_url(SMALL.png)}}, {"type": "text", "text": "say what?"}]
    body = {"model": "diptych", "messages": [{"role": "user", "content": content}], "stream": True, "diptych": {}}
    async with client_for(services=services) as client:
        text = (await client.post("/v1/chat/completions", json=body)).text
    assert '"type":"tool_called"' in text.replace(" ", "")
    assert "find_text" not in text
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert said == f"It is {SMALL.lines[1]}[1].\n\n[1] image_1, line 2"
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_the_quotes_of_a_chat_have_footnotes_and_its_blocks_have_none(client_for, make_services, reading):
    page = make_page(2, 7)
    said = f"“{page.lines[0]}”, “{page.lines[0][:-1]}x” and “{page.lines[0]}”:\n\n{{{{text_1}}}}"
    services = make_services(ScriptedVlm([[VlmText(text=said)]]), reading)
    content = [{"type": "image_url", "image_url": {"url": data_url(page.png)}}, {"type": "text", "text": "say what?"}]
    body = {"model": "diptych", "messages": [{"role": "user", "content": content}]}
    async with client_for(services=services) as client:
        (choice,) = (await client.post("/v1/chat/completions", json=body)).json()["choices"]
    line = page.lines[0]
    assert choice["message"]["content"] == (
        f"“{line}[1]”, “{line}[2]” and “{line}[1]”:\n\n" + fenced("\n".join(page.lines)) + "\n\n"
        f"[1] image_1, line 1\n\n[2] image_1, line 1; the model had written “{line[:-1]}x”"
    )


class Reads:
    """Says where it is, with the lines that were read."""

    model = "scripted"

    async def answer(self, messages, offer, sampling):
        read = messages[-1]["role"] == "tool"
        for word in ("It says: ", "{{text_1:1}}" if read else "nothing", " and ", f"“{SMALL.lines[1]}”", "."):
            yield VlmText(text=word)
        yield VlmEnd()

    async def check(self):
        return self.model


async def test_who_goes_on_with_it_reads_once_and_replays_it_byte_for_byte(house_of, reading, engine):
    body = WISH | {"input": showing(SMALL.png), "tools": [READ]}
    deaths = 0
    async for events in dying_before_each_write(house_of, body, vlm=Reads(), served_by=reading):
        output = events[-1]["response"]["output"]
        assert [item["type"] for item in output].count("diptych:read_text_call") == 1
        assert [kind for kind, _ in take_jobs(engine)].count("read_text") == 1
        (part,) = output[-1]["content"]
        assert [part["text"][one["start_index"] : one["end_index"]] for one in part["annotations"]] == [
            *SMALL.lines[:2]
        ]
        deaths += 1
    assert deaths >= 4


@pytest.fixture
def conversation(store):
    """A picture that a person brought, one that was painted, and words."""
    made = Conversation(store, max_images=4)
    made.add_user([made.add_image(f"{1:064x}.png"), TextPart(text="look")])
    made.append(ToolResult(call_id="c", output="{}", picture=PictureMade(handle="image_2", artifact=f"{2:064x}.png")))
    return made


@pytest.mark.parametrize(
    ("words", "about"),
    [
        ("and the total?", ["image_1"]),
        ("read it to me", ["image_1"]),
        ("what is written on image_2", ["image_2"]),
        ("image_2 and image_1, please", ["image_2", "image_1"]),
        ("thanks", []),
        ("draw a dog", []),
        ("could you draw a dog?", []),
        ("draw a sign with the text of this", ["image_1"]),
        ("image_9?", ["image_1"]),
    ],
)
def test_a_message_is_about_what_it_brings_names_or_asks_for(conversation, words, about):
    conversation.add_user([TextPart(text=words)])
    assert asked_about(conversation) == about


def test_a_message_is_about_the_picture_that_it_brings(conversation):
    conversation.add_user([conversation.add_image(f"{3:064x}.png"), TextPart(text="and this")])
    assert asked_about(conversation) == ["image_3"]


def test_an_empty_reading_counts_as_one(conversation):
    empty = TextRead(lines=(), width=1, height=1, engine="quick", seconds=0)
    conversation.append(ToolResult(call_id="d", output="{}", text=conversation.add_text(empty, "image_1")))
    assert (conversation.read, conversation.texts) == ({"image_1"}, {})
