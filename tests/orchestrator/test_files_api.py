"""`/v1/files` with OpenAI's own client on the app in process."""

import base64
import contextlib
import io

import httpx
import httpx2
import openai
import pytest
from PIL import Image

from orchestrator.app import create_app
from orchestrator.vlm.client import VlmText
from orchestrator.vlm.scripted import ScriptedVlm
from shared import imaging
from tests.conftest import png


def pdf(pages=2, size=(300, 400)):
    out = io.BytesIO()
    first, *rest = [Image.new("RGB", size, (14 * number, 200, 0)) for number in range(pages)]
    first.save(out, "PDF", resolution=150, save_all=True, append_images=rest)
    return out.getvalue()


@pytest.fixture
def house(make_services):
    return make_services(ScriptedVlm([[VlmText(text="I see.")]]))


@pytest.fixture
async def client(house):
    """The SDK's client on the app."""

    @contextlib.asynccontextmanager
    async def opened(_settings):
        yield house

    app = create_app(house.settings, opened)
    async with app.router.lifespan_context(app):
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))
        async with openai.AsyncOpenAI(
            base_url="http://127.0.0.1:8000/v1", api_key="none", http_client=http, max_retries=0
        ) as client:
            yield client
    await house.turns.close()


@pytest.fixture
def files(client):
    return client.files


async def test_a_picture_is_kept_as_it_was_and_told_of(files, house):
    made = await files.create(file=("cat.png", png()), purpose="vision")
    assert (made.object, made.filename, made.purpose, made.status) == ("file", "cat.png", "vision", "processed")
    assert (made.bytes, made.expires_at) == (len(png()), None)
    assert made.id.startswith("file-")
    assert await files.retrieve(made.id) == made
    content = await files.content(made.id)
    assert content.content == png()
    assert content.response.headers["content-type"] == "image/png"
    assert content.response.headers["content-disposition"] == "attachment; filename*=UTF-8''cat.png"
    (artifact,) = await house.files.artifacts_of(made.id, "local")
    assert imaging.open_own(house.store.get(artifact)).size == (32, 32)


async def test_every_page_of_a_pdf_becomes_a_picture(files, house):
    made = await files.create(file=("paper.pdf", pdf(3)), purpose="user_data")
    assert (await files.content(made.id)).content.startswith(b"%PDF-")
    pages = [imaging.open_own(house.store.get(page)) for page in await house.files.artifacts_of(made.id, "local")]
    assert [page.size for page in pages] == [(300, 400)] * 3
    assert [round(page.getpixel((5, 5))[0] / 14) for page in pages] == [0, 1, 2]


async def test_files_are_listed_newest_first_in_pages_and_deleted(files):
    ids = [(await files.create(file=(f"{n}.png", png()), purpose="vision")).id for n in range(5)]
    assert [file.id async for file in files.list(limit=2)] == ids[::-1]
    page = await files.list(limit=2, order="asc", after=ids[1])
    assert ([file.id for file in page.data], page.has_more) == (ids[2:4], True)
    assert (await files.list(purpose="user_data")).data == []
    deleted = await files.delete(ids[0])
    assert (deleted.id, deleted.deleted, deleted.object) == (ids[0], True, "file")
    with pytest.raises(openai.NotFoundError):
        await files.content(ids[0])


@pytest.mark.parametrize("purpose", ["Ó", "a b", ""])
async def test_a_purpose_that_cannot_be_one_is_refused(files, purpose):
    with pytest.raises(openai.BadRequestError):
        await files.list(purpose=purpose)


async def test_a_file_can_be_given_an_end(files):
    made = await files.create(
        file=("a.png", png()), purpose="vision", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600


async def test_a_name_cannot_break_out_of_its_header(files):
    made = await files.create(file=('a"\u202e\x07\r\nb.png', png()), purpose="vision")
    assert not set("\u202e\x07\r\n") & set(made.filename)
    header = (await files.content(made.id)).response.headers["content-disposition"]
    assert header.startswith("attachment; filename*=UTF-8''a")
    assert '"' not in header


@pytest.mark.parametrize(
    ("data", "purpose", "code"),
    [
        (b"", "vision", "empty_image_file"),
        (b"hello", "user_data", "unsupported_file_type"),
        (b'{"custom_id": 1}', "batch", "invalid_request"),
        (png()[:60], "vision", "invalid_image"),
        (b"%PDF-1.7 nothing", "user_data", "invalid_pdf"),
        (pdf(17), "user_data", "pdf_too_many_pages"),
    ],
)
async def test_what_cannot_be_used_is_refused_and_not_kept(files, data, purpose, code):
    with pytest.raises(openai.BadRequestError) as refused:
        await files.create(file=("a", data), purpose=purpose)
    assert refused.value.code == code
    assert refused.value.body["message"].endswith(".")
    assert (await files.list()).data == []


async def test_a_form_that_lacks_something_is_refused_with_a_sentence(house):
    @contextlib.asynccontextmanager
    async def opened(_settings):
        yield house

    app = create_app(house.settings, opened)
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
            picture = {"file": ("a.png", png())}
            for form in (
                {"data": {"purpose": "vision"}},
                {"files": picture},
                {"files": picture, "data": {"purpose": "vision", "expires_after[seconds]": "3600"}},
                {"files": picture, "data": {"purpose": "vision", "expires_after[seconds]": "no"}},
                {"data": {"purpose": "vision", "file": "text"}},
                {"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}},
                {"content": b"", "headers": {"content-type": "multipart/form-data"}},
            ):
                response = await client.post("/v1/files", **form)
                assert response.status_code == 400, form
                assert response.json()["error"]["message"].endswith(".")


async def asked_about(client, *files):
    parts = [{"type": "file", "file": file} for file in files]
    return await client.chat.completions.create(model="diptych", messages=[{"role": "user", "content": parts}])


def base64_of(data):
    return base64.b64encode(data).decode()


async def test_a_chat_sees_files_by_id_and_inline_page_by_page(client, house):
    made = await client.files.create(file=("paper.pdf", pdf(2)), purpose="user_data")
    inline = f"data:application/pdf;base64,{base64_of(pdf(1, size=(200, 100)))}"
    files = ({"file_id": made.id}, {"file_data": inline, "filename": "b.pdf"}, {"file_data": base64_of(png())})
    answer = await asked_about(client, *files)
    assert answer.choices[0].message.content == "I see."
    ((messages, _offer),) = house.vlm.asked
    assert [part["type"] for part in messages[1]["content"]].count("image_url") == 4


async def test_the_same_document_sent_again_keeps_its_handles(client, house):
    await asked_about(client, {"file_data": base64_of(png())}, {"file_data": base64_of(png())})
    texts = [part["text"] for part in house.vlm.asked[0][0][1]["content"] if part["type"] == "text"]
    assert texts == ["image_1: ", "image_1: "]


@pytest.mark.parametrize(
    ("file", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"file_id": "file-1", "file_data": "aaaa"}, 400, "invalid_request"),
        ({"file_id": "file-1"}, 404, "not_found"),
        ({"file_data": "!!"}, 400, "invalid_file"),
        ({"file_data": "aaaa"}, 400, "unsupported_file_type"),
        ({"file_data": base64_of(pdf(17))}, 400, "pdf_too_many_pages"),
    ],
)
async def test_a_chat_with_a_file_that_cannot_be_used_is_refused(client, house, file, status, code):
    with pytest.raises(openai.APIStatusError) as refused:
        await asked_about(client, file)
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert house.vlm.asked == []


async def test_more_pages_than_a_conversation_may_hold_are_refused(client):
    with pytest.raises(openai.BadRequestError, match="at most 16 images"):
        await asked_about(client, {"file_data": base64_of(pdf(16))}, {"file_data": base64_of(png())})
