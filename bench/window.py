"""What the chat window costs a browser: first paint, size, and whether it stays quick under previews and long talk.

`python -m bench.window` starts the real system with the embedded models, and Debian's Chromium. The 60 previews a
second are the window's own card fed with frames of a real picture, faster than the painter here paints.
"""

import argparse
import contextlib
from statistics import median
from typing import Any

import httpx
from playwright.sync_api import Browser, Page

from bench.browser import browser
from bench.own_system import own_system
from bench.report import publish

VISITS = 10
MESSAGES, BATCH = 500, 20
WATCH = """async () => {
  window.tasks = [];
  new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((task) => task.duration)))
    .observe({ type: "longtask" });
  setTimeout(() => { for (const end = performance.now() + 120; performance.now() < end; ); });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return window.tasks.splice(0).some((duration) => duration >= 120);
}"""
"""Gathers tasks of more than 50 ms, after it has seen that one of its own is noticed."""
PREVIEWS = """async () => {
  const { PaintingView } = await import(new URL("window/js/painting.js", document.baseURI));
  const real = [...document.querySelectorAll(".filmstrip .frames img")].map((image) => image.src.split(",")[1]);
  const view = new PaintingView({ id: "ig_bench", status: "in_progress", diptych: { arguments: { prompt: "bench" } } });
  document.querySelector(".turns").append(view.element);
  window.fed = 0;
  const timer = setInterval(() => {
    window.fed += 1;
    view.job({ type: "diptych:job_progress", step: window.fed, total: 300 });
    const frame = real[window.fed % (real.length - 1)];
    view.job({ type: "diptych:job_preview", step: window.fed, partial_image_b64: frame });
    if (window.fed === 300) clearInterval(timer);
  }, 1000 / 60);
}"""
TYPED = """() => {
  window.delays = [];
  document.querySelector("#message").addEventListener("keydown", (event) => {
    const at = event.timeStamp;
    requestAnimationFrame(() => window.delays.push(performance.now() - at));
  });
}"""
SCROLL = """async () => {
  const log = document.querySelector(".said-so-far");
  const frames = [];
  let last = performance.now();
  for (let still = 0; still < 60 && frames.length < 20000; ) {
    const before = log.scrollTop;
    log.scrollTop -= 600;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
    still = log.scrollTop === before ? still + 1 : 0;
  }
  return frames;
}"""


def first_visits(opened: Browser, url: str) -> dict[str, float]:
    """Milliseconds to the first content of visits without a cache, and the bytes that each takes on the wire."""
    paints, sizes = [], []
    for _ in range(VISITS):
        with contextlib.closing(opened.new_context()) as context:
            page, answers = context.new_page(), []
            page.on("requestfinished", lambda request, into=answers: into.append(request))
            page.goto(url, wait_until="networkidle")
            (paint,) = page.evaluate("performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)")
            paints.append(paint)
            own = [request for request in answers if "/v1/" not in request.url]
            sizes.append(sum(request.sizes()["responseBodySize"] for request in own))
    return {"first_paint_ms": round(median(paints)), "slowest_ms": round(max(paints)), "bytes": max(sizes)}


def under_previews(page: Page, url: str) -> dict[str, float]:
    """Typing while 60 previews a second come for five seconds."""
    page.goto(url)
    page.get_by_label("Your message").fill("draw an orange cat in a cardboard box")
    page.keyboard.press("Enter")
    page.locator(".filmstrip .frames img").first.wait_for(timeout=120_000)
    assert page.evaluate(WATCH)
    page.evaluate(TYPED)
    page.evaluate(PREVIEWS)
    page.get_by_label("Your message").focus()
    while page.evaluate("window.fed") < 300:
        page.keyboard.press("x")
    tasks, delays = page.evaluate("window.tasks"), page.evaluate("window.delays")
    return {"longest_task_ms": round(max(tasks, default=0)), "slowest_key_ms": round(max(delays)), "keys": len(delays)}


def long_talk(page: Page, url: str) -> dict[str, float]:
    """Scrolling back through a conversation of many messages, from its end to its beginning."""
    with httpx.Client(base_url=url, timeout=60) as client:
        conversation = client.post("/v1/conversations", json={"metadata": {"title": "long"}}).json()["id"]
        for first in range(0, MESSAGES, BATCH):
            items = [message(number) for number in range(first, first + BATCH)]
            client.post(f"/v1/conversations/{conversation}/items", json={"items": items}).raise_for_status()
    page.goto(f"{url}/?conversation={conversation}")
    page.get_by_text(f"message {MESSAGES - 1}").wait_for()
    assert page.evaluate(WATCH)
    frames = sorted(page.evaluate(SCROLL))
    return {
        "turns": page.locator(".turn").count(),
        "longest_task_ms": round(max(page.evaluate("window.tasks"), default=0)),
        "frame_p50_ms": round(median(frames), 1),
        "frame_p95_ms": round(frames[int(0.95 * len(frames))], 1),
    }


def message(number: int) -> dict[str, Any]:
    role = "user" if number % 2 == 0 else "assistant"
    text = f"message {number}\n\n- **one**\n- two\n\n```\ncode {number}\n```\n\n" + "and so on " * 30
    return {"type": "message", "role": role, "content": text}


def measure(url: str) -> None:
    with browser() as opened:
        visits = first_visits(opened, url)
        with contextlib.closing(opened.new_context()) as context:
            previews = under_previews(context.new_page(), url)
            talk = long_talk(context.new_page(), url)
    measured = {"first visit": visits, "60 previews a second": previews, f"{MESSAGES} messages": talk}
    rows = [
        {"what": what, "figure": name, "value": value}
        for what, each in measured.items()
        for name, value in each.items()
    ]
    figures = {f"{what}: {name}": value for what, each in measured.items() for name, value in each.items()}
    publish("window", figures, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a running system without a key; else one is started")
    arguments = parser.parse_args()
    with contextlib.nullcontext(arguments.url) if arguments.url else own_system() as url:
        measure(url)


if __name__ == "__main__":
    main()
