"""Small print, with the embedded models: the VLM resolves none of it, and what it answers is exact all the same."""

import io
from random import Random

import pytest
from PIL import Image

from bench.honesty_pages import drawn
from tests.conftest import data_url
from training.world import render, sample_scene

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]
LINES = ("HARBOUR BOOKS", "Invoice number: QX-48213", "Total 42.16 EUR", "Thank you")
READ = {"type": "diptych:read_text"}


def ask(system, picture, words, **more):
    content = [{"type": "input_image", "image_url": data_url(picture)}, {"type": "input_text", "text": words}]
    said = [{"role": "user", "content": content}]
    return system.client().responses.create(model="diptych", input=said, tools=[READ], temperature=0, **more)


def test_the_code_in_small_print_comes_exact_with_its_place(system):
    page = drawn(LINES, 9, Random(1))
    response = ask(system, page, "what is the invoice number?")
    call, message = response.output
    assert (call.type, call.status) == ("diptych:read_text_call", "completed")
    assert "Invoice number: QX-48213" in response.output_text
    (quote,) = message.content[0].annotations
    assert (quote.image, quote.lines, quote.error_rate) == ("image_1", [2], 0)
    content = [{"type": "input_image", "image_url": data_url(page)}]
    count = system.client().responses.input_tokens.count(model="diptych", input=[{"role": "user", "content": content}])
    (told,) = count.input_tokens_details["images"]
    assert (told["lines"], told["unresolved_lines"], told["needed_px"]) == (4, 4, None)


def test_without_the_tool_nothing_is_stated(system):
    response = ask(system, drawn(LINES, 9, Random(1)), "what is the invoice number?", tool_choice="none")
    assert "QX" not in response.output_text
    assert response.output[0].content[0].annotations == []


def test_a_picture_without_text_is_talked_about_as_before(system):
    out = io.BytesIO()
    Image.fromarray(render(sample_scene(Random(4)))).save(out, "PNG")
    response = ask(system, out.getvalue(), "what is in this picture?")
    assert [item.type for item in response.output] == ["message"]
