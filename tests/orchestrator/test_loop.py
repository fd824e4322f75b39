"""The agent loop with a scripted VLM and real jobs in the ledger: what goes out, what the VLM is told, what ends it."""

import asyncio
import json

import pytest

from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.handles import fenced
from orchestrator.items import TextPart, items_adapter
from orchestrator.loop import AgentLoop
from orchestrator.tools.base import PaintingOptions, ToolContext
from orchestrator.tools.functions import Functions
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import Sampling, VlmEnd, VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from shared.errors import DeadlineExceeded, InvalidRequest, VlmNonsense, VlmRefused, VlmUnavailable
from shared.events import (
    FunctionCalled,
    JobFailed,
    JobQueued,
    PictureShown,
    TextDelta,
    ToolCalled,
    ToolReturned,
    TurnCompleted,
    Usage,
)
from tests.conftest import png, unread

NONE = Functions()
BOUNDS = Bounds(steps=4, calls=3, format_errors=3, seconds=10)


def call(name, number=0, **arguments):
    return VlmToolCall(call_id=f"call_{number}", name=name, arguments=json.dumps(arguments))


@pytest.fixture
def conversation(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_user([conversation.add_image(store.put(png(), "image/png")), TextPart(text="please")])
    return conversation


@pytest.fixture
def run(conversation, dispatcher, links):
    async def run(*answers, bounds=BOUNDS, options=None, functions=NONE, **dispatched):
        vlm = ScriptedVlm(answers)
        context = ToolContext(
            conversation=dispatched.get("conversation", conversation),
            dispatcher=dispatched.get("dispatcher", dispatcher),
            links=links,
            options=options or PaintingOptions(),
            owner="local",
            job_s=10,
            result_chars=12,
        )
        reading = TurnReading(unread(vlm, context), context.conversation, "local")
        loop = AgentLoop(vlm, context, Sampling(), bounds, functions, reading=reading)
        return [event async for event in loop.run()], vlm

    return run


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_an_answer_without_a_call_goes_out_as_it_came(run):
    usage = Usage(prompt_tokens=9, completion_tokens=2, image_tokens=4)
    events, vlm = await run([VlmText(text="Hel"), VlmText(text="lo"), VlmEnd(usage=usage)])
    assert [event.text for event in events[:2]] == ["Hel", "lo"]
    assert events[-1] == TurnCompleted(usage=usage)
    assert len(vlm.asked) == 1


async def test_a_drawing_becomes_a_job_a_link_and_a_result(run, conversation, ledger, links):
    events, vlm = await run([call("generate_image", prompt=" a cat ")], [VlmText(text="Done.")])
    called = next(event for event in events if isinstance(event, ToolCalled))
    assert called.arguments == {"prompt": "a cat", "negative_prompt": ""}
    shown = next(event for event in events if isinstance(event, PictureShown))
    assert (shown.alt, shown.id, shown.call_id) == ("a cat", called.id, called.call_id)
    assert called.id.startswith("ig_")
    assert text_of(events) == "Done."
    job_id = next(event.job_id for event in events if event.type == "job_finished")
    job = ledger.get(job_id)
    assert (job.status, job.input.prompt) == ("done", "a cat")
    assert links.artifact_of(shown.link) == shown.artifact == job.output.artifact == conversation.images["image_2"]
    told = json.loads(vlm.asked[1][0][-1]["content"])
    assert told == {"image": "image_2", "width": 16, "height": 16, "seed": job.input.seed}


async def test_words_that_the_painter_does_not_know_are_told_and_quoted_exactly(run):
    said = [VlmText(text="It does not know {{image_2:unknown}}.")]
    events, vlm = await run([call("generate_image", prompt="a red zeppelin")], said)
    assert json.loads(vlm.asked[1][0][-1]["content"])["unknown_words"] == ["zeppelin"]
    assert text_of(events).endswith("It does not know “zeppelin”.")


async def test_the_persons_options_reach_the_job(run, ledger):
    options = PaintingOptions(seed=5, steps=9, guidance_scale=2.5, negative_prompt="dogs", width=64, height=72)
    events, _ = await run([call("generate_image", prompt="a cat")], [VlmText(text="x")], options=options)
    work = ledger.get(next(event.job_id for event in events if event.type == "job_queued")).input
    assert (work.seed, work.steps, work.guidance_scale, work.negative_prompt) == (5, 9, 2.5, "dogs")
    assert (work.width, work.height) == (64, 72)


async def test_the_fast_setting_reaches_the_job(run, ledger):
    options = PaintingOptions(fast=True)
    events, _ = await run([call("generate_image", prompt="a cat")], [VlmText(text="x")], options=options)
    assert ledger.get(next(event.job_id for event in events if event.type == "job_queued")).input.fast


async def test_read_text_is_quoted_by_handle_and_cut_only_for_the_vlm(run):
    events, vlm = await run(
        [call("read_text", image="image_1")], [VlmText(text="It says:\n\n{{te"), VlmText(text="xt_1}}")]
    )
    whole = "\n".join(f"line {n}" for n in range(1, 6))
    assert text_of(events) == "It says:\n\n" + fenced(whole)
    told = json.loads(vlm.asked[1][0][-1]["content"])
    assert (told["text"], told["lines"], told["content"]) == ("text_1", 5, "1: line 1\n2:")
    assert "note" in told


async def test_tools_are_offered_only_where_they_can_work(run, store):
    _, vlm = await run([VlmText(text="x")])
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in vlm.asked[0][1].tools}
    assert offered["read_text"]["properties"]["image"]["enum"] == ["image_1"]
    without = Conversation(store, max_images=4)
    without.add_user([TextPart(text="hello")])
    _, vlm = await run([VlmText(text="x")], conversation=without)
    assert [tool["function"]["name"] for tool in vlm.asked[0][1].tools] == ["generate_image"]


WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


async def test_a_call_of_the_clients_function_is_handed_back_and_ends_the_turn(run, conversation):
    events, vlm = await run([call("get_weather", city="Oslo")], functions=Functions((WEATHER,)))
    handed = next(event for event in events if isinstance(event, FunctionCalled))
    assert (handed.name, json.loads(handed.arguments)) == ("get_weather", {"city": "Oslo"})
    assert events[-1].finish_reason == "tool_calls"
    assert len(vlm.asked) == 1
    assert [tool["function"]["name"] for tool in vlm.asked[0][1].tools] == [
        "generate_image",
        "read_text",
        "edit_image",
        "look_closer",
        "compose_text",
        "get_weather",
    ]
    assert conversation.items[-1].call_id == handed.call_id


async def test_calls_of_our_own_run_before_the_clients_are_handed_back(run):
    both = [call("get_weather", 0, city="Oslo"), call("generate_image", 1, prompt="a cat")]
    events, _ = await run(both, functions=Functions((WEATHER,)))
    kinds = [event.type for event in events]
    assert kinds.index("picture_shown") < kinds.index("function_called") < kinds.index("turn_completed")


async def test_a_choice_holds_for_the_first_answer_only(run):
    answers = [call("generate_image", prompt="a cat")], [VlmText(text="Done.")]
    _, vlm = await run(*answers, functions=Functions((WEATHER,), choice="required", parallel=False))
    assert [(offer.choice, offer.parallel) for _, offer in vlm.asked] == [("required", False), ("auto", False)]


async def test_no_tools_are_offered_where_none_may_be_called(run):
    _, vlm = await run([VlmText(text="x")], functions=Functions((WEATHER,), choice="none"))
    assert vlm.asked[0][1].tools == ()


async def test_a_function_with_the_name_of_a_tool_of_ours_stands_in_its_place(run):
    theirs = {"type": "function", "function": {"name": "generate_image", "parameters": {"type": "object"}}}
    events, vlm = await run([call("generate_image", prompt="a cat")], functions=Functions((theirs,)))
    assert [tool for tool in vlm.asked[0][1].tools if tool["function"]["name"] == "generate_image"] == [theirs]
    assert [event.type for event in events] == ["step_ended", "function_called", "turn_completed"]


async def test_functions_that_the_server_refuses_are_the_clients_fault(run):
    with pytest.raises(InvalidRequest, match="plain JSON Schema") as caught:
        await run([VlmRefused("no")], functions=Functions((WEATHER,)))
    assert caught.value.param == "tools"
    with pytest.raises(VlmRefused):
        await run([VlmRefused("no")])


async def test_two_calls_at_once_run_side_by_side_and_keep_their_order(run):
    calls = [call("generate_image", 0, prompt="a cat"), call("read_text", 1, image="image_1")]
    events, vlm = await run(calls, [VlmText(text="Both.")])
    assert len([event for event in events if event.type == "job_finished"]) == 2
    messages = vlm.asked[1][0]
    assert [c["function"]["name"] for c in messages[-3]["tool_calls"]] == ["generate_image", "read_text"]
    assert "image" in json.loads(messages[-2]["content"])
    assert "text" in json.loads(messages[-1]["content"])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (call("paint", prompt="a"), "There is no tool"),
        (call("generate_image"), "prompt: Field required"),
        (call("generate_image", prompt=""), "at least 1 character"),
        (call("generate_image", prompt=7), "valid string"),
        (call("generate_image", prompt="a", size=3), "Extra inputs"),
        (VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a", "prompt": "b"}'), "not one JSON"),
        (VlmToolCall(call_id="c", name="generate_image", arguments="{oops"), "not one JSON"),
        (VlmToolCall(call_id="c", name="generate_image", arguments="[" * 40000), "too long"),
        (call("read_text", image="image_9"), "There is no image_9"),
    ],
)
async def test_a_wrong_call_is_told_to_the_vlm_which_may_try_again(run, wrong, says):
    events, vlm = await run([wrong], [VlmText(text="Sorry.")])
    assert says in json.loads(vlm.asked[1][0][-1]["content"])["error"]
    assert text_of(events) == "Sorry."


async def test_a_call_that_no_server_could_read_is_told_in_a_form_that_all_can(run):
    wrong = VlmToolCall(call_id="c", name="draw me!", arguments="{oops")
    _, vlm = await run([wrong], [VlmText(text="Sorry.")])
    function = vlm.asked[1][0][-2]["tool_calls"][0]["function"]
    assert function == {"name": "draw_me_", "arguments": "{}"}


async def test_nonsense_again_and_again_ends_the_turn(run):
    with pytest.raises(VlmNonsense):
        await run(*[[call("paint")] for _ in range(4)])


async def test_saying_nothing_again_and_again_ends_the_turn(run):
    with pytest.raises(VlmNonsense):
        await run(*[[VlmText(text=" ")] for _ in range(4)])


async def test_the_last_step_offers_no_tools_and_runs_none(run):
    answers = [[call("read_text", image="image_1")] for _ in range(3)]
    events, vlm = await run(*answers, [VlmText(text="Enough.")])
    assert [bool(offer.tools) for _, offer in vlm.asked] == [True, True, True, False]
    assert text_of(events) == "Enough."


async def test_calls_beyond_the_bound_are_refused_and_not_run(run):
    many = [call("read_text", n, image="image_1") for n in range(5)]
    events, vlm = await run(many, [VlmText(text="ok")])
    assert len([event for event in events if event.type == "job_finished"]) == 3
    assert "No more tool calls" in vlm.asked[1][0][-1]["content"]


async def test_a_picture_without_a_word_is_an_answer(run):
    bounds = Bounds(steps=2, calls=3, format_errors=3, seconds=10)
    events, _ = await run([call("generate_image", prompt="a cat")], [VlmEnd()], bounds=bounds)
    assert "picture_shown" in [event.type for event in events]
    assert isinstance(events[-1], TurnCompleted)


async def test_a_failing_vlm_ends_the_turn(run):
    with pytest.raises(VlmUnavailable):
        await run([VlmText(text="a"), VlmUnavailable("gone")])


async def test_a_turn_that_takes_too_long_ends(run):
    class Slow:
        async def run(self, job):
            await asyncio.Event().wait()
            yield

    bounds = Bounds(steps=4, calls=3, format_errors=3, seconds=0.2)
    with pytest.raises(DeadlineExceeded):
        await run([call("read_text", image="image_1")], bounds=bounds, dispatcher=Slow())


async def test_a_job_that_fails_is_told_to_the_vlm(run, ledger, performed):
    async def cancelled(job):
        ledger.submit(job)
        failed = ledger.cancel(job.id)
        yield JobFailed(job_id=job.id, error=failed.error)

    class Cancelling:
        run = staticmethod(cancelled)

    events, vlm = await run([call("generate_image", prompt="a")], [VlmText(text="Stopped.")], dispatcher=Cancelling())
    assert json.loads(vlm.asked[1][0][-1]["content"]) == {"error": "The job was stopped."}
    assert text_of(events) == "Stopped."


async def test_a_picture_of_this_conversation_is_seen_with_the_next_message(run, conversation):
    await run([call("generate_image", prompt="a cat")], [VlmText(text="Here.")])
    conversation.add_user([TextPart(text="what is in it?")])
    _, vlm = await run([VlmText(text="A cat.")])
    content = vlm.asked[0][0][-1]["content"]
    assert [part["type"] for part in content] == ["text", "image_url", "text"]
    assert content[0]["text"] == "image_2: "
    assert content[1]["image_url"]["url"].startswith("data:image/png;base64,")


async def test_a_stored_conversation_goes_on_where_it_was(run, conversation, store):
    calls = [call("generate_image", 0, prompt="a zeppelin"), call("read_text", 1, image="image_1")]
    await run(calls, [VlmText(text="Here.")])
    stored = items_adapter.dump_json(conversation.items)
    again = Conversation.from_items(items_adapter.validate_json(stored), store, max_images=4)
    assert (again.items, again.images, again.texts) == (conversation.items, conversation.images, conversation.texts)
    assert again.unseen == ["image_2"]
    again.add_user([TextPart(text="what is in it?")])
    assert again.unseen == []
    events, vlm = await run([VlmText(text="{{image_2:unknown}} {{text_1:2}}")], conversation=again)
    assert text_of(events) == "“zeppelin” line 2"
    assert vlm.asked[0][0][-1]["content"][0]["text"] == "image_2: "


async def test_the_jobs_events_name_the_call_that_they_serve_and_each_call_returns_once(run):
    calls = [call("generate_image", 0, prompt="a cat"), call("generate_image", 1, prompt="a dog")]
    events, _ = await run(calls, [VlmText(text="Both.")])
    called = {event.call_id for event in events if isinstance(event, ToolCalled)}
    assert {event.call_id for event in events if isinstance(event, JobQueued)} == called
    assert sorted(event.call_id for event in events if isinstance(event, ToolReturned)) == sorted(called)


async def test_text_before_a_call_is_told_apart_from_what_follows(run):
    events, _ = await run([VlmText(text="Wait."), call("generate_image", prompt="a cat")], [VlmText(text="Done.")])
    kinds = [event.type for event in events if not event.type.startswith("job")]
    called = ["text_delta", "text_ended", "step_ended", "tool_called", "picture_shown", "tool_returned", "step_ended"]
    assert kinds == [*called, "text_delta", "turn_completed"]
