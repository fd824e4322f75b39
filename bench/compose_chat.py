"""The system in containers: both chats, a crash of the painter in mid-step, sizes and memory of the images.

`python -m bench.compose_chat` needs a Docker engine and the three base images; it builds ours, brings the whole system
up under a name, a port and secrets of its own, and takes it down again with its volumes. `build_s` is short where the
engine still holds the layers.
"""

import io
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from bench.containers import Project, docker, size, wait_until
from bench.report import publish
from cli.chat import request_body
from cli.folders import ROOT

FIXTURES = ROOT / "tests" / "fixtures"
DRAWING = "draw an orange cat in a cardboard box"
READING = "what does this say?"
BASE = "python:3.11-slim-bookworm"
IMAGES = ("diptych-orchestrator", "diptych-vlm", "diptych-worker-diffusion", "diptych-worker-ocr", "diptych-flower")
SERVICES = ("redis", "postgres", "orchestrator", "vlm", "worker-diffusion", "worker-ocr", "flower")
READY_WITHIN_S = 300.0
MIB = 2**20
FENCED = re.compile(r"```text\n(?P<text>.*?)\n```", re.DOTALL)
"""How the loop sets exact text into an answer, so that Markdown leaves it as it is."""
HAS_TORCH = """
import importlib.util, sys, orchestrator.app
print("torch" in sys.modules or importlib.util.find_spec("torch") is not None)
"""


@dataclass
class Answer:
    """What came of one chat."""

    text: str = ""
    links: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    """What the orchestrator and the workers did."""
    seconds: float = 0.0

    def jobs(self) -> list[str]:
        return [event["job_id"] for event in self.events if event["type"] == "job_queued"]


def ask(
    project: Project, question: str, images: list[Path], on_event: Callable[[dict], None], **options: Any
) -> Answer:
    """Ask, with the extended stream. Raises RuntimeError where the answer is an error."""
    answer, began = Answer(), time.monotonic()
    body = request_body(question, images) | {"diptych": options}
    with client(project) as http, http.stream("POST", "/v1/chat/completions", json=body) as response:
        if not response.is_success:
            raise RuntimeError(response.read().decode())
        for line in response.iter_lines():
            if line.startswith("data: {"):
                take(answer, json.loads(line.removeprefix("data: ")), on_event)
    answer.seconds = round(time.monotonic() - began, 1)
    return answer


def client(project: Project) -> httpx.Client:
    headers = {"Authorization": f"Bearer {project.key}"}
    return httpx.Client(base_url=project.address, headers=headers, timeout=600, trust_env=False)


def take(answer: Answer, chunk: dict[str, Any], on_event: Callable[[dict], None]) -> None:
    if "error" in chunk:
        raise RuntimeError(chunk["error"]["message"])
    if event := chunk.get("diptych"):
        answer.events.append(event)
        on_event(event)
    for choice in chunk["choices"]:
        answer.text += choice["delta"].get("content") or ""
        answer.links += [image["image_url"]["url"] for image in choice["delta"].get("images", [])]


def ignore(event: dict) -> None:
    """Nothing is to be done about it."""


def job_row(project: Project, answer: Answer) -> dict[str, Any]:
    """What the ledger says of the answer's one job; the answer itself where the VLM called no tool, or several."""
    jobs = answer.jobs()
    if len(jobs) != 1:
        return {"jobs": len(jobs), "answer": answer.text[:200]}
    with client(project) as http:
        job = http.get(f"/v1/jobs/{jobs[0]}").json()
    return {"kind": job["kind"], "status": job["status"], "attempt": job["attempt"], "model": _engine(job["output"])}


def _engine(output: dict[str, Any]) -> str:
    return output.get("model") or output["engine"]


def picture_behind(answer: Answer) -> Image.Image:
    """The picture of the answer, fetched as any client would: without the key."""
    (link,) = answer.links
    response = httpx.get(link, timeout=30, trust_env=False).raise_for_status()
    return Image.open(io.BytesIO(response.content), formats=["PNG"])


def draw(project: Project) -> dict[str, Any]:
    answer = ask(project, DRAWING, [], ignore)
    picture = picture_behind(answer)
    steps = sum(event["type"] == "job_progress" for event in answer.events)
    return {"s": answer.seconds, "picture": f"{picture.width}x{picture.height}", "steps": steps} | job_row(
        project, answer
    )


def read(project: Project) -> dict[str, Any]:
    answer = ask(project, READING, [FIXTURES / "page.png"], ignore)
    page = (FIXTURES / "page.txt").read_text(encoding="utf-8").strip()
    shown = FENCED.search(answer.text)
    exact = shown is not None and shown["text"].strip() == page
    return {"s": answer.seconds, "exact": exact} | job_row(project, answer)


def draw_through_a_crash(project: Project) -> dict[str, Any]:
    """The painter is killed after its first step: its container comes back, and the same job ends in a picture."""
    killed = []

    def kill_once(event: dict) -> None:
        if event["type"] == "job_progress" and not killed:
            killed.append(event["step"])
            project.kill_processes("worker-diffusion")

    answer = ask(project, DRAWING, [], kill_once, steps=100)
    picture_behind(answer)
    wait_until(project.is_ready, READY_WITHIN_S)
    restarts = project.restarts("worker-diffusion")
    return {"s": answer.seconds, "killed_after_step": killed[0], "restarts": restarts} | job_row(project, answer)


def crash(project: Project, service: str) -> dict[str, Any]:
    """Kill what runs in a container: seconds until the engine has started it again and it is healthy."""
    before = project.restarts(service)
    project.kill_processes(service)
    began = time.monotonic()
    wait_until(lambda: project.restarts(service) > before, READY_WITHIN_S)
    wait_until(lambda: project.is_healthy(service) and project.is_ready(), READY_WITHIN_S)
    return {"service": service, "back_s": round(time.monotonic() - began, 1)}


def main() -> None:
    project = Project()
    began = time.monotonic()
    project.compose("build")
    figures: dict[str, Any] = {"build_s": round(time.monotonic() - began, 1)}
    has_torch = docker("run", "--rm", "diptych-orchestrator", "python", "-c", HAS_TORCH)
    figures["orchestrator_has_torch"] = has_torch == "True"
    began = time.monotonic()
    with project.up():
        wait_until(project.is_ready, READY_WITHIN_S)
        figures["ready_s"] = round(time.monotonic() - began, 1)
        wait_until(lambda: all(project.is_healthy(service) for service in SERVICES), READY_WITHIN_S)
        figures |= {"draw": draw(project), "read": read(project)}
        figures["draw_through_a_crash"] = draw_through_a_crash(project)
        figures["crashes"] = [crash(project, service) for service in ("worker-ocr", "vlm", "orchestrator")]
        figures |= {"draw_again": draw(project), "read_again": read(project)}
        figures["memory"] = {service: project.memory(service) for service in SERVICES}
    figures["images_mib"] = {image: round(size(image) / MIB) for image in IMAGES}
    figures["base_mib"] = round(size(BASE) / MIB)
    publish("compose_chat", figures, [{"what": name, "figure": _short(value)} for name, value in figures.items()])
    if not (figures["read"]["exact"] and figures["read_again"]["exact"]):
        sys.exit("the page's text is not exact")
    if figures["orchestrator_has_torch"]:
        sys.exit("the orchestrator's image has torch")


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(_short(each) for each in value)
    return str(value)


if __name__ == "__main__":
    main()
