"""Pictures that go in: attached, pasted, dropped, counted before they are sent; a page that is read line by line."""

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import png
from tests.window.axe import violations
from tests.window.conftest import ROOT
from tests.window.saying import say, until_answered

PAGE = ROOT / "tests" / "fixtures" / "page.png"
TEXT = (ROOT / "tests" / "fixtures" / "page.txt").read_text(encoding="utf-8").splitlines()
GIVE = """([kind, data, name]) => {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const target = document.querySelector(kind === "paste" ? "#message" : ".composer");
  const made = kind === "paste"
    ? new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true })
    : new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
  target.dispatchEvent(made);
}"""


def attached(page):
    return page.get_by_role("list", name="Attached").get_by_role("listitem")


def choose(page, *files):
    page.locator("input[type=file]").set_input_files(files)


def read_the_page(page):
    choose(page, PAGE)
    expect(attached(page)).to_contain_text("tokens")
    say(page, "what does this say?")
    card = page.locator(".reading").first  # the embedded VLM reads a dense page twice
    expect(card.locator(".state")).to_contain_text("lines, by")
    until_answered(page)
    return card


@pytest.mark.parametrize("kind", ["paste", "drop"])
def test_a_picture_is_taken_and_its_tokens_are_told(page, kind):
    expect(page.get_by_label("Your message")).to_be_focused()
    page.evaluate(GIVE, [kind, base64.b64encode(png(64, 64)).decode(), "red.png"])
    expect(attached(page)).to_have_count(1)
    expect(attached(page).locator("img")).to_have_attribute("alt", "red.png")
    expect(attached(page).locator(".tokens")).to_have_text("64 tokens")
    expect(page.locator(".cost")).to_contain_text("tokens in all")


def test_several_files_are_attached_and_one_is_taken_away_again(page, tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.png").write_bytes(png(48, 48, "blue" if name == "one" else "green"))
    (tmp_path / "notes.txt").write_text("no picture")
    choose(page, tmp_path / "one.png", tmp_path / "two.png", tmp_path / "notes.txt")
    expect(page.get_by_role("alert").filter(has_text="notes.txt is neither")).to_be_visible()
    expect(attached(page)).to_have_count(2)
    page.get_by_role("button", name="Remove one.png").click()
    say(page, "what colour is this?")
    expect(page.locator(".turn.user img")).to_have_count(1)
    until_answered(page)
    expect(attached(page)).to_have_count(0)


def test_text_that_is_too_small_for_the_model_is_marked_before_it_is_sent(page):
    choose(page, PAGE)
    expect(attached(page)).to_contain_text(
        f"The model does not resolve {len(TEXT)} of {len(TEXT)} lines: OCR reads them."
    )
    marks = attached(page).locator("svg rect.marked")
    expect(marks).to_have_count(len(TEXT))
    thumbnail = attached(page).locator("img").bounding_box()
    for number in (0, len(TEXT) - 1):
        mark = marks.nth(number).bounding_box()
        assert thumbnail["x"] <= mark["x"] < mark["x"] + mark["width"] <= thumbnail["x"] + thumbnail["width"] + 1
        assert thumbnail["y"] <= mark["y"] < mark["y"] + mark["height"] <= thumbnail["y"] + thumbnail["height"] + 1
    assert violations(page) == []


def test_what_is_no_picture_is_refused_before_it_is_sent(page, tmp_path):
    (tmp_path / "broken.png").write_bytes(png()[:40])
    choose(page, tmp_path / "broken.png")
    expect(page.get_by_role("alert").filter(has_text="broken.png:")).to_be_visible()
    expect(attached(page)).to_have_count(0)


def test_a_page_is_read_and_each_line_is_linked_with_its_box(page):
    card = read_the_page(page)
    lines, boxes = card.locator(".lines li"), card.locator("rect")
    assert lines.count() == boxes.count() == len(TEXT)
    assert lines.nth(4).inner_text() == TEXT[4]
    lines.nth(4).hover()
    expect(boxes.nth(4)).to_have_class("marked")
    boxes.nth(9).hover()
    expect(lines.nth(9)).to_have_class("marked")
    expect(boxes.nth(4)).not_to_have_class("marked")
    expect(card.get_by_role("status").last).to_contain_text("Line 10 of")
    quoted = page.locator(".prose .quoted").first
    expect(quoted).to_have_attribute("title", f"Read by OCR: image_1, lines 1 to {len(TEXT)}")
    assert page.locator(".prose pre").evaluate("text => text.scrollWidth <= text.clientWidth")
    shown = card.locator("figure img")
    assert shown.evaluate("image => [image.naturalWidth, image.complete]") == [1000, True]


def test_a_page_that_is_read_twice_in_an_answer_is_shown_once(page):
    read_the_page(page)
    until_answered(page)
    page.reload()
    again = page.locator(".reading").nth(1)  # the model asks for what was read already
    expect(again.locator(".state")).to_contain_text("lines, by")
    expect(again.locator(".state")).to_contain_text("as above")
    expect(again.locator(".lines")).to_have_count(0)
    expect(page.locator(".reading .lines")).to_have_count(1)


def test_the_text_of_a_page_is_copied_whole_also_after_a_reload(page, visit):
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    read_the_page(page)
    page.reload()
    page.locator(".reading").first.get_by_role("button", name="Copy text").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").splitlines() == TEXT


def test_a_pdf_is_read_too(page, tmp_path):
    pdf = io.BytesIO()
    with Image.open(PAGE) as picture:
        picture.convert("RGB").save(pdf, "PDF", resolution=100)
    (tmp_path / "page.pdf").write_bytes(pdf.getvalue())
    choose(page, tmp_path / "page.pdf")
    expect(attached(page)).to_contain_text("tokens")
    say(page, "what does this say?")
    expect(page.locator(".reading").first.locator(".lines li").first).to_contain_text("Harbour & Vale Instruments")
    until_answered(page)


def test_more_pictures_than_a_conversation_holds_are_refused_in_words_and_can_be_taken_away(page, tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(17)]
    for number, file in enumerate(files):
        file.write_bytes(png(32 + number, 32))
    choose(page, *files)
    expect(attached(page)).to_have_count(17)
    expect(page.get_by_role("button", name="Send")).to_be_in_viewport()
    expect(page.locator(".cost")).to_contain_text("at most 16 images")
    page.get_by_role("button", name="Remove 3.png").click()
    expect(page.locator(".cost")).to_contain_text("tokens in all")


def test_cells_of_a_table_are_pasted_as_their_text(page):
    page.get_by_label("Your message").focus()
    taken = page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(["x"], "cells.png", { type: "image/png" }));
          transfer.setData("text/plain", "1\\t2");
          const paste = new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
          return !document.querySelector("#message").dispatchEvent(paste);
        }"""
    )
    assert not taken
    expect(attached(page)).to_have_count(0)
