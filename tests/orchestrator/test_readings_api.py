"""`GET /v1/jobs/{id}/reading`: what was read, in every form, for its owner."""

import pytest

from shared.jobs import GenerateImage, new_job
from shared.reading_forms import as_hocr
from shared.text_jobs import ReadText, TextLine, TextRead, TextWord
from workers.holds import Holds


def line(top: float, *cells: tuple[float, str]) -> TextLine:
    words = tuple(TextWord(text=text, box=(at, top, at + 40, top + 20), confidence=0.9) for at, text in cells)
    box = (cells[0][0], top, cells[-1][0] + 40, top + 20)
    return TextLine(text=" ".join(text for _, text in cells), box=box, confidence=0.9, words=words, script="Latin")


READ = TextRead(
    lines=(
        line(0, (10, "<b>Order</b>")),
        line(40, (10, "Item"), (300, "Price")),
        line(80, (10, "Seal"), (300, "0.40")),
    ),
    width=400,
    height=120,
    engine="an engine",
    seconds=0.1,
)
MARKDOWN = "<b>Order</b>\n\n| Item | Price |\n| --- | --- |\n| Seal | 0.40 |"


@pytest.fixture
def submitted(ledger):
    """A function that puts a job of a kind in the ledger, ended with what it is given; the job's id."""

    def submit(work, output=None, owner="local"):
        job = new_job(work, owner=owner, seconds=60)
        ledger.submit(job)
        if output is not None:
            ledger.claim(job.queue, Holds(ledger, 15).holder, 15)
            ledger.finish(job.id, 1, output)
        return job.id

    return submit


@pytest.fixture
def page(store):
    return ReadText(artifact=store.put(b"x", "image/png"))


@pytest.mark.parametrize(
    ("form", "media_type"), [("text", "text/plain"), ("markdown", "text/markdown"), ("hocr", "text/html")]
)
async def test_a_reading_comes_in_the_form_that_is_asked_for(client_for, submitted, page, form, media_type):
    job_id = submitted(page, READ)
    async with client_for() as client:
        answer = await client.get(f"/v1/jobs/{job_id}/reading", params={"format": form})
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{media_type}; charset=utf-8")
    said = {"text": READ.text, "markdown": MARKDOWN, "hocr": as_hocr(READ)}
    assert answer.text == said[form]
    assert "sandbox" in answer.headers["content-security-policy"]


async def test_as_json_it_has_boxes_scripts_tables_and_pairs(client_for, submitted, page):
    job_id = submitted(page, READ)
    async with client_for() as client:
        read = (await client.get(f"/v1/jobs/{job_id}/reading")).json()
    assert (read["object"], read["text"], read["width"]) == ("diptych.reading", READ.text, 400)
    assert read["lines"][0]["words"][0]["box"] == [10, 0, 50, 20]
    assert {(told["script"], told["source"]) for told in read["lines"]} == {("Latin", "ocr")}
    assert read["tables"] == [{"first_line": 2, "rows": [["Item", "Price"], ["Seal", "0.40"]]}]
    assert {"key": "Seal", "value": "0.40"} in read["pairs"]


async def test_what_has_no_reading_is_said_to_have_none(client_for, submitted, page):
    waiting, foreign = submitted(page), submitted(page, owner="somebody")
    painting = submitted(GenerateImage(prompt="a cat", seed=1))
    async with client_for() as client:
        for job_id, status, code in (
            (waiting, 409, "no_reading"),
            (painting, 400, "not_a_reading"),
            (foreign, 404, "not_found"),
            ("job_none", 404, "not_found"),
        ):
            answer = await client.get(f"/v1/jobs/{job_id}/reading")
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        unknown = await client.get(f"/v1/jobs/{waiting}/reading", params={"format": "pdf"})
        assert unknown.status_code in (400, 422)


async def test_the_document_names_every_form(client_for):
    async with client_for() as client:
        document = (await client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/jobs/{job_id}/reading"]["get"]
    (form,) = (parameter for parameter in operation["parameters"] if parameter["name"] == "format")
    assert form["schema"]["enum"] == ["text", "markdown", "json", "hocr"]
    assert {"application/json", "text/plain", "text/markdown", "text/html"} <= operation["responses"]["200"][
        "content"
    ].keys()
