"""Conversations in the window: listed, searched, renamed, deleted; reloads, cuts and second tabs lose nothing."""

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.window.axe import violations
from tests.window.conftest import ROOT
from tests.window.saying import DRAW, SLOW, fact, paint_slowly, say, until_answered
from tests.window.wire import Wire

PAGE = ROOT / "tests" / "fixtures" / "page.png"


@pytest.fixture
def wire(system):
    wire = Wire(system.url)
    yield wire
    wire.close()


def listed(page):
    return page.get_by_role("list", name="Conversations").get_by_role("listitem")


def conversation_of(page):
    return page.url.partition("conversation=")[2]


def items_of(system, page):
    answer = httpx.get(f"{system.url}/v1/conversations/{conversation_of(page)}/items", timeout=30)
    return answer.json()["data"]


def test_conversations_are_listed_renamed_searched_and_deleted(page, system):
    say(page, "draw a blue car in the snow")
    until_answered(page)
    first = conversation_of(page)
    page.get_by_role("link", name="New conversation").click()
    say(page, "draw two red apples on the beach")
    until_answered(page)
    expect(listed(page).first).to_contain_text("draw two red apples on the beach")
    expect(listed(page).first).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Rename draw a blue car in the snow").first.click()
    page.get_by_label("New name").fill("Winter drive")
    page.get_by_label("New name").press("Enter")
    page.get_by_label("Search conversations").fill("blue CAR")
    expect(listed(page).filter(has_text="Winter drive")).to_have_count(1)
    expect(listed(page).filter(has_text="apples")).to_have_count(0)
    page.get_by_role("link", name="Winter drive").click()
    expect(page.locator(".turn.user")).to_have_text("draw a blue car in the snow")
    expect(page.locator(".painting .state")).to_have_text("Done")
    page.get_by_role("button", name="Delete Winter drive").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator(".invitation")).to_be_visible()
    expect(page.get_by_text("Nothing like that was said.")).to_be_visible()
    assert httpx.get(f"{system.url}/v1/conversations/{first}", timeout=30).status_code == 404


def test_the_model_knows_what_was_said_before(page, system):
    say(page, "draw an orange cat")
    until_answered(page)
    say(page, "what is in this picture?")
    expect(page.locator(".turn.answer")).to_have_count(2)
    until_answered(page)
    assert [item["type"] for item in reversed(items_of(system, page))].count("message") == 4


def test_a_reload_in_mid_picture_goes_on_with_it(page, system):
    paint_slowly(page, seed=21)
    page.reload()
    card = page.locator(".painting")
    expect(page.locator(".turn.user")).to_have_text(DRAW)
    expect(card).to_contain_text(f"of {SLOW}")
    expect(card.locator(".state")).to_have_text("Done")
    until_answered(page)
    assert (fact(card, "seed"), fact(card, "steps")) == ("21", str(SLOW))
    assert page.locator(".turn").count() == 2
    assert [item["type"] for item in items_of(system, page)].count("image_generation_call") == 1


def test_what_ended_while_nobody_looked_is_told_when_the_conversation_is_opened_again(page, visit, system):
    paint_slowly(page, seed=26)
    address = f"/?{page.url.partition('?')[2]}"
    page.close()
    conversation = httpx.get(f"{system.url}/v1/conversations", timeout=30).json()["data"][0]
    stopped = conversation["running_response_id"]
    assert httpx.post(f"{system.url}/v1/responses/{stopped}/cancel", timeout=30).json()["status"] == "cancelled"
    later = visit.page(address)
    expect(later.locator(".turn.user")).to_have_text(DRAW)
    expect(later.locator(".turn.answer")).to_contain_text("Stopped.")
    until_answered(later)
    system.wait_until(lambda: len(items_of(system, later)) == 2, 20)  # from now on it stands among the items
    later.reload()
    expect(later.locator(".turn.answer")).to_contain_text("Stopped.")
    assert later.locator(".turn").count() == 2


def test_a_network_cut_in_mid_stream_resumes_by_itself(visit_with, wire, system):
    page = visit_with(url=wire.url).page()
    card = paint_slowly(page, seed=22)
    wire.cut()
    expect(page.get_by_role("status").filter(has_text="The connection broke; nothing is lost.")).to_be_visible()
    wire.mend()
    expect(card.locator(".state")).to_have_text("Done")
    until_answered(page)
    expect(page.locator("#notice")).to_have_text("")
    assert fact(card, "seed") == "22"
    assert page.locator(".painting").count() == 1


def test_a_wish_that_is_sent_while_the_network_is_away_is_answered_once(visit_with, wire, system):
    page = visit_with(url=wire.url).page()
    say(page, "draw an orange cat")
    until_answered(page)
    wire.cut()
    say(page, "draw a blue car")
    expect(page.locator("#notice")).to_contain_text("does not answer")
    wire.mend()
    expect(page.locator(".painting")).to_have_count(2)
    until_answered(page)
    assert [item["type"] for item in items_of(system, page)].count("image_generation_call") == 2


def test_that_the_network_is_away_is_said_no_longer_than_it_is(visit_with, wire):
    page = visit_with(url=wire.url).page()
    wire.cut()
    page.get_by_label("Search conversations").fill("cat")
    expect(page.locator("#notice")).to_contain_text("does not answer")
    wire.mend()
    page.get_by_label("Search conversations").fill("")
    expect(page.locator("#notice")).to_have_text("", timeout=5_000)


def test_two_tabs_show_the_same_conversation(visit):
    one = visit.page()
    card = paint_slowly(one, seed=23)
    two = visit.page(f"/?{one.url.partition('?')[2]}")
    expect(two.locator(".painting")).to_contain_text(f"of {SLOW}")
    for page in (one, two):
        expect(page.locator(".painting .state")).to_have_text("Done")
        until_answered(page)
    source = card.locator("figure img").get_attribute("src")
    expect(two.locator(".painting figure img")).to_have_attribute("src", source)
    one.get_by_label("Steps", exact=True).fill("")
    say(two, "draw a red apple")
    expect(one.locator(".turn.user").last).to_have_text("draw a red apple")
    for page in (one, two):
        expect(page.locator(".painting")).to_have_count(2)
        until_answered(page)
        assert page.locator(".turn").count() == 4


def test_a_conversation_that_is_gone_is_said_to_be_gone(visit):
    page = visit.page("/?conversation=conv_none")
    expect(page.locator("#notice")).to_have_text(re.compile("gone"))
    expect(page.locator(".invitation")).to_be_visible()


AT_END = """() => {
  const log = document.querySelector(".said-so-far");
  return log.scrollTop > 0 && log.scrollHeight - log.clientHeight - log.scrollTop <= 1;
}"""


def test_a_growing_answer_is_followed_but_nobody_who_reads_further_up_is_moved(visit_with, system):
    visit = visit_with(viewport={"width": 550, "height": 400})
    page = visit.page()
    paint_slowly(page, seed=24)
    page.wait_for_function(AT_END)
    expect(page.locator(".painting .state")).to_have_text("Done")
    until_answered(page)
    page.wait_for_function(AT_END)
    page.locator(".said-so-far").evaluate("log => { log.scrollTop = 10; }")
    message = {"type": "message", "role": "user", "content": "from elsewhere"}
    added = httpx.post(
        f"{system.url}/v1/conversations/{conversation_of(page)}/items", json={"items": [message]}, timeout=30
    )
    assert added.status_code == 200
    expect(page.locator(".turn.user").last).to_have_text("from elsewhere")
    assert page.locator(".said-so-far").evaluate("log => log.scrollTop") == 10


@pytest.mark.parametrize("wide", [320, 1100])
def test_nothing_that_is_said_is_wider_than_the_page_or_acts_in_it(visit_with, system, wide):
    visit = visit_with(viewport={"width": wide, "height": 640})
    hebrew = "שלום"
    table = f"| a | b |\n|---|---|\n| {'w' * 400} | 2 |\n\n```\n{'y' * 500}\n```\n\n"
    attack = "<b onclick='window.hit=1'>b</b><svg onload='window.hit=1'></svg><iframe src=//x></iframe><style></style>"
    links = f"![i](https://evil.example/a.png) <img src='/v1/artifacts/nope'> https://example.com/{'z' * 300}"
    answer = {"type": "message", "role": "assistant", "content": f"{table}{attack}\n\n{links}\n\n{hebrew}"}
    said = [{"type": "message", "role": "user", "content": f"{'x' * 3000} {hebrew}"}, answer]
    made = httpx.post(f"{system.url}/v1/conversations", json={"items": said}, timeout=30).json()["id"]
    page = visit.page(f"/?conversation={made}")
    prose = page.locator(".prose")
    expect(prose.get_by_text(hebrew)).to_be_visible()
    assert prose.get_by_text(hebrew).evaluate("one => getComputedStyle(one).direction") == "rtl"
    assert page.evaluate("[document.documentElement.scrollWidth, window.hit]") == [wide, None]
    assert page.locator(".said-so-far").evaluate("log => log.scrollWidth === log.clientWidth")
    assert prose.locator("iframe, svg, style, [onclick]").count() == 0
    assert prose.locator("img").count() == 1
    assert violations(page) == []
    assert visit.strangers == []
    assert all("Content Security Policy" in complaint for complaint in visit.complaints if "404" not in complaint)
    visit.complaints.clear()  # of the policy, which is at work already while the text is taken apart


def test_a_conversation_that_is_deleted_in_another_tab_is_left_also_in_mid_picture(visit):
    one = visit.page()
    paint_slowly(one, seed=25)
    two = visit.page()
    two.get_by_role("button", name=f"Delete {DRAW}").click()
    two.get_by_role("button", name="Delete it").click()
    expect(two.get_by_role("list", name="Conversations").get_by_role("listitem")).to_have_count(0)
    expect(one.locator(".invitation")).to_be_visible()
    assert "conversation=" not in one.url


def test_what_was_typed_is_still_there_when_one_comes_back(page):
    page.get_by_label("Your message").fill("half a wish")
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Your message")).to_have_value("half a wish")


def test_a_draft_outlives_a_reload_with_its_pictures_until_it_was_sent(page):
    page.get_by_label("Your message").fill("what does this say?")
    page.locator("input[type=file]").set_input_files(PAGE)
    attached = page.get_by_role("list", name="Attached").get_by_role("listitem")
    expect(attached.locator(".tokens")).to_contain_text("tokens")
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("what does this say?")
    expect(attached.locator("img")).to_have_attribute("alt", PAGE.name)
    page.route("**/v1/responses", lambda _: None)  # it never arrives
    page.get_by_label("Your message").press("Enter")
    expect(page.locator(".turn.user")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("what does this say?")
    expect(attached).to_have_count(1)
    page.unroute("**/v1/responses")
    page.get_by_label("Your message").press("Enter")
    expect(page.locator(".reading .lines")).to_be_visible()
    page.get_by_label("Your message").fill("and then?")
    until_answered(page)
    page.reload()
    expect(page.get_by_label("Your message")).to_have_value("and then?")
    page.get_by_role("link", name="New conversation").click()
    expect(page.locator(".invitation")).to_be_visible()
    expect(page.get_by_label("Your message")).to_have_value("")
    expect(attached).to_have_count(0)


def test_a_wish_that_never_got_away_can_be_given_up_and_changed(visit_with, wire, system):
    page = visit_with(url=wire.url).page()
    wire.cut()
    say(page, "draw a blue car")
    expect(page.locator("#notice")).to_contain_text("does not answer")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".note")).to_contain_text("Stopped before it was sent.")
    wire.mend()
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("Your message")).to_have_value("draw a blue car")
    assert page.locator(".turn").count() == 0
    say(page, "draw a red car")
    expect(page.locator(".painting .state")).to_have_text("Done")
    until_answered(page)
