"""A first visit to its first picture, stopping, and what goes wrong in words."""

import base64
import json

import httpx
import pytest
from playwright.sync_api import expect

from tests.systems import one_more_orchestrator
from tests.window.axe import violations
from tests.window.saying import DRAW, fact, paint_slowly, say, until_answered

KEY = "key-of-this-test"
FRAMES = """() => {
  window.frames_seen = new Set();
  new MutationObserver(() => {
    for (const image of document.querySelectorAll(".painting figure img[src^='data:image/jpeg']")) {
      window.frames_seen.add(image.src);
    }
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def conversations(system):
    return httpx.get(f"{system.url}/v1/conversations", timeout=30).json()["data"]


def test_a_first_visit_invites_and_ends_in_a_picture_that_formed_step_by_step(page, system):
    page.evaluate(FRAMES)
    page.get_by_role("button", name="Draw an orange cat in a cardboard box", exact=True).click()
    page.keyboard.press("Enter")
    expect(page.locator(".turn.user")).to_have_text("Draw an orange cat in a cardboard box")
    card = page.locator(".painting")
    expect(card.locator(".call code")).to_contain_text('prompt: "an orange cat in a cardboard box"')
    expect(card.locator(".state")).to_have_text("Done")
    until_answered(page)
    assert len(page.evaluate("[...window.frames_seen]")) >= 4  # one in four of 20 steps, but for the last
    assert (fact(card, "steps"), fact(card, "size")) == ("20", "128 × 128")
    assert fact(card, "seed").isdigit()
    assert fact(card, "model")
    items = httpx.get(f"{system.url}/v1/conversations/{conversations(system)[0]['id']}/items", timeout=30).json()[
        "data"
    ]
    (picture,) = [item for item in items if item["type"] == "image_generation_call"]
    shown = card.locator("figure img").get_attribute("src")
    assert base64.b64decode(shown.partition(",")[2]) == base64.b64decode(picture["result"])


def test_the_answer_is_markdown_without_anything_that_could_act(page, visit):
    expect(page.get_by_label("Your message")).to_be_focused()
    page.evaluate(
        """async () => {
          const { markdown } = await import(new URL("window/js/markdown.js", document.baseURI));
          const text = document.createElement("div");
          text.id = "probe";
          text.append(markdown("**bold** <script>window.hit = 1</script><img src=x onerror='window.hit = 1'>" +
            "![far](https://example.com/a.png) [go](javascript:window.hit=1) [there](https://example.com/)" +
            "<form><input></form>"));
          document.querySelector(".turns").append(text);
        }"""
    )
    probe = page.locator("#probe")
    expect(probe.locator("strong")).to_have_text("bold")
    assert probe.locator("script, form, input, [onerror], img").count() == 0
    assert probe.locator("a").evaluate_all("links => links.map(a => [a.href, a.rel])") == [
        ["https://example.com/", "noopener noreferrer nofollow"]
    ]
    assert page.evaluate("window.hit") is None
    assert all("inline event handler violates" in complaint for complaint in visit.complaints)  # the policy, at work
    visit.complaints.clear()


def test_stop_ends_the_answer_and_its_job(page, system):
    paint_slowly(page)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".turn.answer .note")).to_contain_text("Stopped")
    until_answered(page)
    system.wait_until(lambda: httpx.get(f"{system.url}/v1/queue", timeout=30).json()["jobs"] == [], 20)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".painting").last).to_contain_text("of 150")
    page.get_by_role("button", name="Stop").click()
    until_answered(page)


def test_a_wish_that_was_stopped_stays_in_its_conversation_once(page, visit):
    paint_slowly(page)
    two = visit.page(f"/?{page.url.partition('?')[2]}")
    expect(two.locator(".painting")).to_contain_text("of 150")
    two.get_by_role("button", name="Stop").click()
    for tab in (page, two):
        until_answered(tab)
        expect(tab.locator(".turn.answer .note")).to_contain_text("Stopped.")
        expect(tab.locator(".turn.answer .note")).not_to_contain_text("not kept")
    page.get_by_label("Steps", exact=True).fill("")
    say(page, "draw a red apple")
    for tab in (page, two):
        expect(tab.locator(".painting .state").last).to_have_text("Done")
        until_answered(tab)
        expect(tab.locator(".turn.user")).to_have_text([DRAW, "draw a red apple"])
    page.reload()
    expect(page.locator(".turn.user")).to_have_text([DRAW, "draw a red apple"])
    expect(page.locator(".turn.answer").first).to_have_text("Stopped.")


def test_a_conversation_is_called_by_the_first_whole_words_that_were_said(page):
    said = "draw   an orange cat in a cardboard box\nbeside two very large elephants on the beach at sunset"
    say(page, said)
    until_answered(page)
    link = page.get_by_role("list", name="Conversations").get_by_role("link")
    expect(link).to_have_text("draw an orange cat in a cardboard box beside two very large")
    assert link.evaluate("one => one.offsetWidth") > 200


def test_what_the_server_refuses_is_said_in_its_words_and_can_be_tried_again(page, system):
    def refuse(route):
        words = "Too many jobs wait already: see `./diptych top`."
        error = {"message": words, "type": "rate_limit_error", "param": None, "code": "busy"}
        route.fulfill(status=429, content_type="application/json", body=json.dumps({"error": error}))

    page.route("**/v1/responses", refuse, times=1)
    say(page, DRAW)
    expect(page.locator(".turn.answer .note")).to_contain_text("Too many jobs wait already: see ./diptych top.")
    expect(page.locator(".turn.answer .note code")).to_have_text("./diptych top")
    system.wait_until(lambda: conversations(system) == [], 20)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".painting .state")).to_have_text("Done")
    assert page.locator(".turn.user").count() == 1


@pytest.mark.parametrize("header", ["Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy"])
def test_every_file_of_the_window_is_guarded(system, header):
    for path in ("/", "/window/js/main.js", "/window/css/base.css"):
        assert header in httpx.get(system.url + path, timeout=30).headers
    policy = httpx.get(system.url, timeout=30).headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy


def test_a_key_is_asked_for_once_where_one_is_set(visit_with, system):
    with one_more_orchestrator(system, DIPTYCH_API_KEY=KEY) as keyed:
        visit = visit_with(url=keyed.url)
        page = visit.page()
        field = page.get_by_label("API key")
        field.fill("wrong")
        field.press("Enter")
        expect(page.get_by_text("That key is not one of this server's")).to_be_visible()
        page.get_by_label("API key").fill("ключ")  # no header can carry it
        page.get_by_role("button", name="Use this key").click()
        assert page.get_by_label("API key").evaluate("field => field.validity.patternMismatch")
        page.get_by_label("API key").fill(KEY)
        page.get_by_role("button", name="Use this key").click()
        say(page, DRAW)
        expect(page.locator(".painting .state")).to_have_text("Done")
        page.reload()
        expect(page.get_by_label("Your message")).to_be_focused()
        another = visit.page()  # a key that is not to be remembered is this tab's
        another.get_by_label("API key").fill(KEY)
        another.get_by_label("Remember it on this device").check()
        another.get_by_role("button", name="Use this key").click()
        expect(another.get_by_label("Your message")).to_be_focused()
        third = visit.page()
        expect(third.get_by_label("Your message")).to_be_focused()
        assert violations(third) == []
        third.get_by_role("button", name="Forget the key").click()
        expect(third.get_by_label("API key")).to_be_visible()
        assert violations(third) == []
        assert another.evaluate("localStorage.getItem('diptych.key')") is None
