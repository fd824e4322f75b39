"""What is done with a picture: looked at as it formed, painted again, changed inside a mask, used, kept."""

import base64
import io
import json

import httpx
import pytest
from PIL import Image, ImageChops
from playwright.sync_api import expect

from shared.provenance import text_chunks
from tests.window.axe import violations
from tests.window.saying import DRAW, fact, say, until_answered


@pytest.fixture
def card(page):
    say(page, DRAW)
    until_answered(page)
    return page.locator(".painting")


def newest(page):
    """The card of the picture that was painted last, when it is done."""
    card = page.locator(".painting").last
    expect(card.locator(".state")).to_have_text("Done")
    until_answered(page)
    return card


def picture(card):
    data = card.locator("figure img").get_attribute("src").partition(",")[2]
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def changed(card, other):
    """The box of the pixels in which two pictures differ."""
    return ImageChops.difference(picture(card), picture(other)).getbbox()


def stage(page):
    return page.locator("dialog canvas").bounding_box()


def test_the_filmstrip_goes_from_static_to_the_picture(page, card):
    slider, image = card.get_by_role("slider", name="From static to picture"), card.locator("figure img")
    final = image.get_attribute("src")
    assert slider.input_value() == slider.get_attribute("max") == "4"  # every fourth step, and the picture
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "After step 4")
    expect(image).to_have_attribute("alt", "After step 4")
    slider.press("End")
    expect(image).to_have_attribute("src", final)


def test_how_a_picture_formed_is_still_known_after_a_reload(page, card):
    page.reload()
    card.get_by_role("button", name="How it formed").click()
    slider = card.get_by_role("slider", name="From static to picture")
    expect(slider).to_be_focused()
    assert slider.get_attribute("max") == "4"
    assert fact(card, "steps") == "20"


def test_what_the_file_says_of_itself_is_read_from_its_bytes(page, card):
    panel = card.locator(".provenance")
    panel.get_by_text("What the file says").click()

    def said(name):
        return panel.locator("dl div").filter(has=page.get_by_text(name, exact=True)).locator("dd").inner_text()

    assert said("Prompt") == "an orange cat in a cardboard box"
    assert said("Seed") == fact(card, "seed")
    assert said("Origin") == "made by a trained model (IPTC: trainedAlgorithmicMedia)"
    assert "no C2PA manifest" in said("Signed")
    panel.get_by_text("Raw fields").click()
    raw = panel.get_by_role("region", name="Raw field diptych")
    png = base64.b64decode(card.locator("figure img").get_attribute("src").partition(",")[2])
    assert json.loads(raw.inner_text()) == json.loads(text_chunks(png)["diptych"])
    assert panel.get_by_role("region", name="Raw field").count() == len(text_chunks(png)) == 3
    assert violations(page) == []


def test_a_picture_is_painted_again_with_another_seed(page, card):
    seed = fact(card, "seed")
    card.get_by_role("button", name="Again with another seed").click()
    expect(page.locator(".painting")).to_have_count(2)
    again = newest(page)
    assert fact(again, "seed") != seed
    expect(again.locator(".call code")).to_have_text('prompt: "an orange cat in a cardboard box"')
    page.reload()
    expect(page.locator(".painting")).to_have_count(2)


def test_a_brush_changes_a_picture_only_where_it_was_painted_over(page, card):
    card.get_by_role("button", name="Edit").click()
    page.get_by_label("What it shows afterwards").fill("a blue car")
    box = stage(page)
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.3, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Change it").click()
    expect(page.locator(".painting")).to_have_count(2)
    left, top, right, bottom = changed(card.first, newest(page))
    side, brush = 128, 16
    assert 0.3 * side - brush / 2 - 1 <= left < right <= 0.5 * side + brush / 2 + 1
    assert 0.3 * side - brush / 2 - 1 <= top < bottom <= 0.3 * side + brush / 2 + 1


def test_a_box_changes_a_picture_only_inside_of_it(page, card, system):
    card.get_by_role("button", name="Edit").click()
    page.get_by_label("What it shows afterwards").fill("a red apple")
    page.get_by_role("button", name="Box", exact=True).click()
    box = stage(page)
    page.mouse.move(box["x"], box["y"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Change it").click()
    expect(page.locator(".painting")).to_have_count(2)
    edited = newest(page)
    left, top, right, bottom = changed(card.first, edited)
    assert (left, top) >= (0, 0)
    assert max(right, bottom) <= 65
    expect(edited.locator("h2")).to_have_text("Changing a picture")
    expect(edited.locator(".call code")).to_contain_text('image: "image_1"')
    conversation = page.url.partition("conversation=")[2]
    items = httpx.get(f"{system.url}/v1/conversations/{conversation}/items", timeout=30).json()["data"]
    assert items[0]["diptych"]["arguments"]["box"][:2] == [0, 0]


def test_a_whole_picture_is_changed_by_as_much_as_is_wanted(page, card):
    card.get_by_role("button", name="Edit").click()
    page.get_by_label("What it shows afterwards").fill("a blue cat in a cardboard box")
    page.get_by_label("How much of the whole changes").press("End")
    page.get_by_role("button", name="Change it").click()
    expect(page.locator(".painting")).to_have_count(2)
    assert fact(newest(page), "strength") == "1"


def test_a_picture_is_used_downloaded_and_its_prompt_copied(page, card, visit):
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card.get_by_role("button", name="Copy prompt").click()
    page.wait_for_function("document.querySelector('#announcement').textContent.includes('copied')")
    assert page.evaluate("navigator.clipboard.readText()") == "an orange cat in a cardboard box"
    with page.expect_download() as download:
        card.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "an orange cat in a cardboard box.png"
    assert Image.open(io.BytesIO(download.value.path().read_bytes())).size == (128, 128)
    card.get_by_role("button", name="Use as input").click()
    expect(page.get_by_role("list", name="Attached").locator(".tokens")).to_have_text("64 tokens")
    say(page, "what is in this picture?")
    expect(page.locator(".turn.answer")).to_have_count(2)
    until_answered(page)
    expect(page.locator(".turn.user").last.locator("img")).to_be_visible()
