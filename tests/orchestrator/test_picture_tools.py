"""The tools that change and enlarge pictures, in turns with a scripted VLM; edits by the embedded painter."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from orchestrator.calls import Bounds
from orchestrator.conversation import Conversation
from orchestrator.dispatch import InProcessDispatcher
from orchestrator.items import TextPart
from orchestrator.loop import AgentLoop
from orchestrator.tools import registry
from orchestrator.tools.base import PaintingOptions, ToolContext
from orchestrator.tools.functions import Functions
from orchestrator.turn_reading import TurnReading
from orchestrator.vlm.client import Sampling, VlmText, VlmToolCall
from orchestrator.vlm.scripted import ScriptedVlm
from services.diffusion.painters import Painters
from services.diffusion.settings import DiffusionSettings
from shared.errors import ToolArgumentsInvalid
from shared.events import JobQueued, PictureShown, ToolReturned
from shared.imaging import open_own
from shared.jobs import EditImage, JobKind
from shared.provenance import read_provenance
from tests.conftest import ListSink, png, unread
from workers.diffusion import performs
from workers.job_run import JobRunner

BOUNDS = Bounds(steps=4, calls=3, format_errors=3, seconds=60)
SAID = [VlmText(text="Done.")]
FAST = PaintingOptions(seed=1, fast=True)


def call(name, **arguments):
    return [VlmToolCall(call_id="call_0", name=name, arguments=json.dumps(arguments))]


def noise(width, height):
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def painter():
    return Painters(DiffusionSettings())


@pytest.fixture
def edited(ledger, store, painter):
    """A dispatcher to the embedded painter."""
    kinds = performs(painter, store)

    def work(job_id, emit):
        JobRunner(ledger, ListSink(emit), lease_s=15).run(job_id, kinds[ledger.get(job_id).kind])

    return InProcessDispatcher(ledger, work)


@pytest.fixture
def conversation(store):
    conversation = Conversation(store, max_images=4)
    conversation.add_user([conversation.add_image(store.put(noise(200, 100), "image/png")), TextPart(text="please")])
    return conversation


@pytest.fixture
def run(conversation, edited, links):
    async def run(*answers, options=FAST):
        vlm = ScriptedVlm(answers)
        context = ToolContext(
            conversation=conversation,
            dispatcher=edited,
            links=links,
            options=options,
            owner="local",
            job_s=60,
            result_chars=100,
        )
        reading = TurnReading(unread(vlm, context), context.conversation, "local")
        loop = AgentLoop(vlm, context, Sampling(), BOUNDS, Functions(), reading=reading)
        return [event async for event in loop.run()], vlm

    return run


def told(vlm):
    """The newest tool result, and the pictures in it."""
    content = vlm.asked[-1][0][-1]["content"]
    if isinstance(content, str):
        return json.loads(content), []
    pictures = [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    return json.loads(content[0]["text"]), pictures


async def test_an_edit_is_a_new_picture_and_its_source_keeps_its_handle(run, conversation, store):
    source = conversation.images["image_1"]
    events, vlm = await run(call("edit_image", image="image_1", prompt="a cat at night", strength=0.5), SAID)
    answer, _ = told(vlm)
    assert (answer["image"], answer["edited"], answer["width"], answer["height"]) == ("image_2", "image_1", 200, 100)
    assert conversation.images["image_1"] == source
    made = read_provenance(store.get(conversation.images["image_2"]))
    assert (made.prompt, made.edit.source, made.edit.strength) == ("a cat at night", source, 0.5)
    shown = next(event for event in events if isinstance(event, PictureShown))
    assert (shown.alt, shown.artifact) == ("a cat at night", conversation.images["image_2"])
    assert next(event for event in events if isinstance(event, JobQueued)).kind is JobKind.EDIT_IMAGE


async def test_an_edit_of_an_edit_goes_on_from_it(run, conversation, store):
    first = call("edit_image", image="image_1", prompt="a cat")
    await run(first, call("edit_image", image="image_2", prompt="a dog"), SAID)
    assert read_provenance(store.get(conversation.images["image_3"])).edit.source == conversation.images["image_2"]


async def test_outside_the_box_of_an_edit_nothing_changes(run, conversation, store):
    await run(call("edit_image", image="image_1", prompt="an apple", box=[0, 0, 60, 60]), SAID)
    before, after = (np.asarray(open_own(store.get(conversation.images[f"image_{n}"]))) for n in (1, 2))
    assert (before[:, 60:] == after[:, 60:]).all()
    assert (before[:60, :60] != after[:60, :60]).any()


async def test_a_mask_of_the_person_stands_in_place_of_the_vlms_box(run, ledger, store):
    mask = Image.new("L", (200, 100), 0)
    mask.paste(255, (100, 0, 200, 100))
    out = io.BytesIO()
    mask.save(out, "PNG")
    options = PaintingOptions(seed=1, fast=True, mask=store.put(out.getvalue(), "image/png"))
    events, _ = await run(call("edit_image", image="image_1", prompt="a cat", box=[0, 0, 9, 9]), SAID, options=options)
    work = ledger.get(next(event for event in events if isinstance(event, JobQueued)).job_id).input
    assert isinstance(work, EditImage)
    assert (work.mask, work.box) == (options.mask, None)


async def test_a_mask_for_a_picture_of_another_size_is_left_out(run, ledger, store):
    options = PaintingOptions(seed=1, fast=True, mask=store.put(png(64, 64, "white"), "image/png"))
    events, _ = await run(call("edit_image", image="image_1", prompt="a cat"), SAID, options=options)
    assert ledger.get(next(event for event in events if isinstance(event, JobQueued)).job_id).input.mask is None


async def test_what_the_person_set_decides_over_the_vlm(run, ledger):
    options = PaintingOptions(seed=5, steps=2, guidance_scale=2.0, negative_prompt="blue", strength=0.9)
    events, _ = await run(call("edit_image", image="image_1", prompt="a cat", strength=0.1), SAID, options=options)
    work = ledger.get(next(event for event in events if isinstance(event, JobQueued)).job_id).input
    assert (work.seed, work.steps, work.guidance_scale, work.negative_prompt, work.strength) == (5, 2, 2.0, "blue", 0.9)


async def test_a_closer_look_is_a_picture_that_the_vlm_sees_and_the_person_does_not(run, conversation, store):
    events, vlm = await run(call("look_closer", image="image_1", box=[150, 50, 200, 75]), SAID)
    answer, pictures = told(vlm)
    assert (answer["image"], answer["part_of"], answer["box"]) == ("image_2", "image_1", [150, 50, 200, 75])
    assert (answer["width"], answer["height"]) == (384, 192)
    assert len(pictures) == 1
    enlarged = open_own(store.get(conversation.images["image_2"]))
    assert enlarged.size == (384, 192)
    part = open_own(store.get(conversation.images["image_1"])).crop((150, 50, 200, 75))
    assert np.abs(np.asarray(part, float).mean() - np.asarray(enlarged, float).mean()) < 3
    assert not any(isinstance(event, PictureShown | JobQueued) for event in events)
    assert conversation.unseen == []


async def test_a_large_part_is_shown_as_large_as_models_take_in(run):
    _, vlm = await run(call("look_closer", image="image_1", box=[0, 0, 200, 100]), SAID)
    answer, _ = told(vlm)
    assert (answer["width"], answer["height"]) == (1024, 512)


@pytest.mark.parametrize("name", ["edit_image", "look_closer"])
@pytest.mark.parametrize(
    ("image", "box", "sentence"),
    [
        ("image_1", [0, 0, 201, 100], "does not lie within the picture of 200x100"),
        ("image_1", [50, 50, 50, 60], "does not lie within"),
        ("image_7", [0, 0, 10, 10], "There is no image_7. The pictures here are: image_1."),
    ],
)
async def test_the_vlm_is_told_what_was_wrong_with_its_call(run, name, image, box, sentence):
    prompt = {"prompt": "a cat"} if name == "edit_image" else {}
    events, vlm = await run(call(name, image=image, box=box, **prompt), SAID)
    assert sentence in told(vlm)[0]["error"]
    assert next(event for event in events if isinstance(event, ToolReturned)).error is not None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("edit_image", {"image": "image_1"}),
        ("edit_image", {"image": "image_1", "prompt": "a", "strength": 0}),
        ("edit_image", {"image": "image_1", "prompt": "a", "box": [1, 2, 3]}),
        ("edit_image", {"image": "image_1", "prompt": "a", "box": [1, 2, 3, 4.5]}),
        ("look_closer", {"image": "image_1"}),
        ("look_closer", {"image": "image_1", "box": [1, 2, 3, 4], "zoom": 2}),
    ],
)
def test_arguments_are_strict(name, arguments):
    with pytest.raises(ToolArgumentsInvalid):
        registry.validate(name, json.dumps(arguments))


def test_they_are_offered_where_there_is_a_picture_and_say_how_large_it_is(conversation, store):
    offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in registry.schemas(conversation)}
    for name in ("edit_image", "look_closer"):
        box = offered[name]["properties"]["box"]
        assert offered[name]["properties"]["image"]["enum"] == ["image_1"]
        assert box["description"].endswith("image_1: 200x100.")
        assert box["items"]["maximum"] == 200
        assert "anyOf" not in json.dumps(offered[name])
    assert offered["edit_image"]["required"] == ["image", "prompt"]
    without = registry.schemas(Conversation(store, max_images=4))
    assert [tool["function"]["name"] for tool in without] == ["generate_image"]
