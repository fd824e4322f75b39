"""The queue page: who works, what waits and runs, stopping a job from there."""

import re

import httpx
import psutil
from playwright.sync_api import expect

from tests.window.saying import SLOW, paint_slowly, say, until_answered


def test_the_queue_page_shows_a_running_job_and_stops_it(visit):
    chat = visit.page()
    card = paint_slowly(chat)
    page = visit.page("/?page=queue")
    jobs = page.get_by_role("table", name="Your jobs")
    expect(jobs).to_contain_text("Painting")
    expect(jobs).to_contain_text(f"of {SLOW}")
    expect(page.get_by_role("table", name="Workers").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("table", name="Queues")).to_contain_text("1 of 16")
    page.get_by_role("button", name="Stop Painting").click()
    expect(page.get_by_text("None of your jobs waits or runs.")).to_be_visible()
    expect(card.locator(".state")).to_have_text("The job was stopped.")
    until_answered(chat)


def test_a_job_that_waits_tells_its_place_and_when_it_is_likely_to_be_done(page, visit, system):
    say(page, "draw a red apple")
    until_answered(page)  # now it is known how long one takes
    call = {"name": "generate_image", "prompt": "a red apple"}
    body = {"model": "diptych", "input": "x", "background": True, "diptych": {"steps": SLOW, "call": call}}
    for _ in range(18):
        assert httpx.post(f"{system.url}/v1/responses", json=body, timeout=30).status_code == 200
    say(page, "draw an orange cat")
    state = page.locator(".painting .state").last
    expect(state).to_have_text(re.compile(r"Number [123] in the queue, done in about [\d.]+ m?s"))
    queue = visit.page("/?page=queue")
    jobs = queue.get_by_role("table", name="Your jobs")
    expect(jobs.locator("tbody tr")).to_have_count(19)
    expect(jobs.locator("tbody tr").last).to_contain_text("Number 3")
    for job in httpx.get(f"{system.url}/v1/queue", timeout=30).json()["jobs"][:-1]:
        httpx.post(f"{system.url}/v1/jobs/{job['id']}/cancel", timeout=30)
    expect(state).to_have_text("Done")
    until_answered(page)


def test_a_card_tells_that_nothing_more_is_heard_of_its_job(page, system):
    state = paint_slowly(page, seed=6).locator(".state")  # not a picture that others will stop
    painter = psutil.Process(system.pid("worker-diffusion"))
    painter.suspend()  # not for so long that its lease runs out
    try:
        expect(state).to_have_text(re.compile(r"^Step \d+ of \d+. Then silence: if its worker has died"))
    finally:
        painter.resume()
    expect(state).to_have_text("Done")
    until_answered(page)


def test_the_queue_is_reached_from_the_side_and_left_again(page):
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Your message")).to_be_visible()


def test_what_has_ended_stands_in_charts_and_in_a_table_with_how_long_it_took(page, visit):
    paint_slowly(page)
    queue = visit.page("/?page=queue")
    queue.get_by_role("button", name="Stop Painting").click()
    history = queue.get_by_role("table", name="Lately")
    expect(history.locator("tbody tr").first).to_contain_text("Stopped")
    until_answered(page)
    page.get_by_label("Steps", exact=True).fill("")
    page.get_by_label("Seed").fill("")
    say(page, "draw a red apple")
    until_answered(page)
    newest = history.locator("tbody tr").first
    expect(newest).to_contain_text("Done")
    expect(newest).to_have_text(re.compile(r"Painting.*Done[\d.]+ m?s[\d.]+ m?s$"))
    chart = queue.get_by_role("img", name="Painting, the newest at the right.")
    expect(chart).to_have_attribute("aria-label", re.compile(r"jobs: waited [\d.]+ m?s, ran [\d.]+ m?s \(medians\)"))
    tall = chart.locator("rect.ran").last.evaluate("bar => bar.height.baseVal.value")
    assert tall > 0
    assert chart.locator("rect.broken").count() >= 1
