"""`/v1/conversations` with OpenAI's own client: made, filled, listed, searched and forgotten, each owner's own."""

import json

import httpx2
import openai
import pytest

from orchestrator.api.conversations_schema import (
    ConversationDeleted,
    ConversationList,
    ConversationObject,
    ItemList,
)
from orchestrator.api.responses_document import ResponseObject
from orchestrator.vlm.client import VlmText, VlmToolCall
from tests.conftest import data_url, png

DRAW = VlmToolCall(call_id="c", name="generate_image", arguments='{"prompt": "a Zebra"}')
READ = VlmToolCall(call_id="c", name="read_text", arguments='{"image": "image_1"}')
IMAGE = {"type": "input_image", "image_url": data_url(png())}
PAINT = {"type": "image_generation"}


def said(text, role="user"):
    return {"type": "message", "role": role, "content": text}


async def listed(client, **params):
    """The JSON of the list, which OpenAI's client has no method for."""
    raw = await client.get("/conversations", cast_to=httpx2.Response, options={"params": params})
    return raw.json()


async def titles(client, **params):
    return [entry["title"] for entry in (await listed(client, **params))["data"]]


async def test_a_conversation_is_made_fetched_renamed_and_forgotten(sdk_for):
    async with sdk_for() as client:
        made = await client.conversations.create(metadata={"a": "b"}, items=[said("hello")])
        assert made.id.startswith("conv_")
        assert await client.conversations.retrieve(made.id) == made
        renamed = await client.conversations.update(made.id, metadata={"title": "T"})
        assert (renamed.metadata, renamed.created_at) == ({"title": "T"}, made.created_at)
        assert (await client.conversations.update(made.id, metadata=None)).metadata == {}
        gone = await client.conversations.delete(made.id)
        assert (gone.id, gone.deleted, gone.object) == (made.id, True, "conversation.deleted")
        for act in (client.conversations.retrieve, client.conversations.delete, client.conversations.items.list):
            with pytest.raises(openai.NotFoundError):
                await act(made.id)
        assert (await listed(client))["data"] == []


async def test_a_conversation_can_be_made_without_a_body(sdk_for):
    async with sdk_for() as client:
        made = await client.post("/conversations", cast_to=httpx2.Response)
        ConversationObject.model_validate(made.json())


async def test_items_are_added_listed_by_page_fetched_and_deleted(sdk_for):
    async with sdk_for() as client:
        made = await client.conversations.create(items=[said("one"), said("two", "assistant")])
        items = client.conversations.items
        added = await items.create(made.id, items=[{"role": "user", "content": [IMAGE]}, said("four", "developer")])
        assert [item.role for item in added.data] == ["user", "developer"]
        every = [item async for item in items.list(made.id, order="asc", limit=1)]
        assert [item.id for item in every[2:]] == [item.id for item in added.data]
        newest = await items.list(made.id, limit=3, include=["message.input_image.image_url"])
        assert ([item.id for item in newest.data], newest.has_more) == ([item.id for item in every[:0:-1]], True)
        path = every[2].content[0].image_url.partition("/v1")[2]
        assert (await client.get(path, cast_to=httpx2.Response)).content.startswith(b"\x89PNG")
        assert await items.retrieve(every[1].id, conversation_id=made.id) == every[1]
        assert (await items.delete(every[1].id, conversation_id=made.id)).id == made.id
        rest = [item.id async for item in items.list(made.id, order="asc")]
        assert rest == [every[0].id, every[2].id, every[3].id]
        for act in (items.retrieve, items.delete):
            with pytest.raises(openai.NotFoundError):
                await act(every[1].id, conversation_id=made.id)
        with pytest.raises(openai.BadRequestError, match="after"):
            await items.list(made.id, after=every[1].id)


async def test_an_id_that_is_there_already_is_replaced(sdk_for):
    async with sdk_for() as client:
        mine = said("one") | {"id": "msg_mine"}
        made = await client.conversations.create(items=[mine, mine])
        ids = [item.id async for item in client.conversations.items.list(made.id, order="asc")]
        assert ids[0] == "msg_mine"
        assert ids[1].startswith("msg_")
        assert ids[1] != ids[0]
        reference = {"id": ids[1], "type": "item_reference"}
        (again,) = (await client.conversations.items.create(made.id, items=[reference])).data
        assert again.content[0].text == "one"
        assert again.id not in ids


async def test_a_list_is_sorted_by_activity_and_paged(sdk_for):
    async with sdk_for([VlmText(text="x")]) as client:
        made = [await client.conversations.create(items=[said(name)]) for name in ("a", "b", "c")]
        assert await titles(client) == ["c", "b", "a"]
        await client.responses.create(model="diptych", input="hi", conversation=made[0].id)
        assert await titles(client) == ["a", "c", "b"]
        page = await listed(client, limit=2)
        assert (page["has_more"], page["first_id"], page["last_id"]) == (True, made[0].id, made[2].id)
        assert await titles(client, limit=2, after=page["last_id"]) == ["b"]
        assert await titles(client, order="asc") == ["b", "c", "a"]
        entry = page["data"][0]
        assert entry["last_active_at"] >= entry["created_at"] == made[0].created_at


async def test_a_title_is_given_or_else_the_first_words_that_the_user_said(sdk_for):
    words = "what stands in this picture of a very long street with houses and trees"
    async with sdk_for() as client:
        items = [said("be brief", "developer"), {"role": "user", "content": [IMAGE]}, said(f" {words}\n")]
        made = await client.conversations.create(items=items)
        assert await titles(client) == ["what stands in this picture of a very long street with…"]
        await client.conversations.update(made.id, metadata={"title": "Street"})
        assert await titles(client) == ["Street"]
        await client.conversations.create()
        assert await titles(client) == [None, "Street"]


@pytest.mark.parametrize("query", ["STRASSE", "straße", "100%", "a_b", "Ärger", "back\\slash", "zebra", "Named", "s/l"])
async def test_a_search_finds_what_was_said_in_any_case_and_nothing_else(sdk_for, query):
    text = "Straße 100% a_b ärger back\\slash s/l"
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        await client.conversations.create(items=[said("1000 axb strase backslash STRASS artifacts")])
        made = await client.conversations.create(items=[said(text, "assistant")], metadata={"title": "named"})
        await client.responses.create(model="diptych", input="draw", conversation=made.id, tools=[PAINT])
        assert await titles(client, query=query) == ["named"]


async def test_a_search_does_not_look_into_addresses_or_what_was_deleted(sdk_for):
    async with sdk_for([DRAW], [VlmText(text="Here.")]) as client:
        made = await client.conversations.create(items=[said("secret")])
        answer = await client.responses.create(model="diptych", input="draw", conversation=made.id)
        assert "/v1/artifacts/" in answer.output_text
        assert await titles(client, query="artifacts") == []
        assert await titles(client, query="zebra") == await titles(client, query="SECRET") == ["secret"]
        (first,) = [item async for item in client.conversations.items.list(made.id) if item.content[0].text == "secret"]
        await client.conversations.items.delete(first.id, conversation_id=made.id)
        assert await titles(client, query="secret") == []
        assert await titles(client) == ["draw"]


async def test_somebody_elses_conversation_is_as_if_it_were_not_there(sdk_for):
    async with sdk_for() as client:
        made = await client.conversations.create(items=[said("mine")])
        (item,) = (await client.conversations.items.list(made.id)).data
    async with sdk_for(key="k", api_key="k") as other:
        assert (await listed(other, query="mine"))["data"] == []
        for conversation_id in (made.id, "conv_none"):
            acts = (
                other.conversations.retrieve(conversation_id),
                other.conversations.update(conversation_id, metadata={}),
                other.conversations.delete(conversation_id),
                other.conversations.items.list(conversation_id),
                other.conversations.items.create(conversation_id, items=[said("x")]),
                other.conversations.items.retrieve(item.id, conversation_id=conversation_id),
                other.conversations.items.delete(item.id, conversation_id=conversation_id),
                other.responses.create(model="diptych", input="x", conversation=conversation_id),
                other.get(f"/conversations?after={conversation_id}", cast_to=httpx2.Response),
            )
            for act in acts:
                with pytest.raises(openai.NotFoundError, match="There is no such conversation"):
                    await act
        reference = {"type": "item_reference", "id": item.id}
        with pytest.raises(openai.NotFoundError):
            await other.conversations.create(items=[reference])


BAD = [
    {"items": [said("x")] * 21},
    {"items": "x"},
    {"items": [{"type": "nothing"}]},
    {"items": [said("")]},
    {"items": [said("\ud800")]},
    {"items": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
    {"items": [{"type": "item_reference", "id": "\0"}]},
    {"items": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,eA=="}]}]},
    {"metadata": {"a": 1}},
    {"metadata": {"a" * 65: "b"}},
    {"metadata": {"a": "b" * 513}},
    {"metadata": {str(n): "b" for n in range(17)}},
]


@pytest.mark.parametrize("body", BAD)
async def test_what_cannot_be_kept_is_refused_in_words(client_for, body):
    async with client_for() as client:
        made = (await client.post("/v1/conversations")).json()["id"]
        own = f"/v1/conversations/{made}"
        for path in ("/v1/conversations", f"{own}/items" if "items" in body else own):
            answer = await client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
            assert answer.status_code == 400
            assert answer.json()["error"]["message"].endswith(".")
        assert (await client.get(f"/v1/conversations/{made}/items")).json()["data"] == []
        assert len((await client.get("/v1/conversations")).json()["data"]) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "order=x", "limit=x", f"query={'x' * 201}", "query=%00"])
async def test_a_list_that_cannot_be_had_is_refused_in_words(client_for, query):
    async with client_for() as client:
        made = (await client.post("/v1/conversations")).json()["id"]
        paths = ["/v1/conversations"] + [f"/v1/conversations/{made}/items"] * (not query.startswith("query=x"))
        for path in paths:
            answer = await client.get(f"{path}?{query}")
            assert answer.status_code == 400
            assert answer.json()["error"]["message"].endswith(".")


async def test_every_answer_is_as_documented(sdk_for):
    async def answered(method, path, **body):
        options = {"body": body} if body else {}
        return (await getattr(client, method)(path, cast_to=httpx2.Response, **options)).json()

    async with sdk_for([DRAW, READ], [VlmText(text="x")]) as client:
        first = {"role": "user", "content": [IMAGE]}
        made = await answered("post", "/conversations", items=[first], metadata={"a": "b"})
        path = f"/conversations/{made['id']}"
        tools = [PAINT | {"output_format": "webp"}, {"type": "diptych:read_text"}]
        asked = {"model": "diptych", "input": "hi", "conversation": {"id": made["id"]}, "tools": tools}
        response = await answered("post", "/responses", **asked)
        assert response["conversation"] == {"id": made["id"]}
        ResponseObject.model_validate(response)
        items = await answered("get", f"{path}/items?order=asc")
        assert len(items["data"]) == 5
        assert items["data"][2:] == response["output"]
        ItemList.model_validate(items)
        one = await answered("get", f"{path}/items/{items['data'][2]['id']}")
        assert one == items["data"][2]
        for conversation in (made, await answered("get", path), await answered("post", path, metadata={})):
            ConversationObject.model_validate(conversation)
        ConversationList.model_validate(await answered("get", "/conversations"))
        ConversationDeleted.model_validate(await answered("delete", path))
