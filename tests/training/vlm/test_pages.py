"""Pages with questions: answers point at the right line, and what is held out is never learned."""

import json
import re
from random import Random

from training.phrasings.grammar import lines, sections
from training.phrasings.page_questions import question
from training.phrasings.pages import facts, page
from training.vlm.chat import PAGE, Conversation
from training.vlm.reading_turns import page_turn


def test_every_fact_of_a_kind_is_known():
    parts = {part.rstrip("?2") for line in lines("page_kinds") for part in line.split(": ")[1].split()}
    assert {part for part in parts if part[0] not in "*+-"} <= sections("pages").keys()


def test_lines_are_numbered_from_one():
    shown = page(Random(1))
    first, *rest = shown.numbered.split("\n")
    assert first == f"1: {shown.lines[0]}"
    assert len(rest) + 1 == len(shown.lines)


def test_a_facts_line_has_its_value():
    rng = Random(2)
    for _ in range(300):
        shown = page(rng, held_out=rng.random() < 0.5)
        for fact, line in shown.facts.items():
            text = shown.lines[line - 1].lower()
            if fact in shown.words:
                assert shown.words[fact].lower() in text
            if fact in ("total", "subtotal", "tax", "cash", "change", "price"):
                assert re.search(r"\d[.,]\d\d", text)
            if fact in ("email",):
                assert "@" in text


def test_questions_point_into_the_page_and_name_what_they_ask_for():
    rng = Random(3)
    kinds = set()
    for _ in range(1500):
        shown = page(rng)
        asked = question(shown, rng)
        assert 0 <= asked.first <= asked.last <= len(shown.lines)
        assert asked.message and not set("{}[]|~") & set(asked.message)
        kinds.add("none" if asked.first == 0 else "one" if asked.first == asked.last else "several")
    assert kinds == {"none", "one", "several"}


def test_the_answer_is_the_handle_of_the_line_alone_at_the_end():
    rng = Random(4)
    for _ in range(300):
        chat = Conversation(can_read=True, next_text=rng.randint(1, 30))
        page_turn(chat, rng, [PAGE])
        told = json.loads(chat.messages[2]["content"])
        for message in chat.messages[3::2]:
            handle = re.fullmatch(r".*\n\n\{\{(text_\d+)(?::(\d+)(?:-(\d+))?)?\}\}", message["content"], re.DOTALL)
            assert handle and handle[1] == told["text"]
            assert all(int(number) <= told["lines"] for number in handle.groups()[1:] if number)


def test_training_never_shows_held_out_kinds_labels_or_questions():
    rng = Random(5)
    marked = [label[1:] for labels, _, _ in facts().values() for label in labels if label.startswith("~")]
    odd = [line[1:].strip() for _, _, asked in facts().values() for line in asked if line.startswith("~")]
    assert len(marked) > 15 and len(odd) > 40
    for _ in range(1500):
        shown = page(rng)
        asked = question(shown, rng).message.lower()
        assert not any(line.startswith(label) for line in shown.lines for label in marked)
        assert not any(words in asked for words in odd)
        assert "......" not in shown.numbered


def test_held_out_pages_mostly_show_something_held_out():
    rng = Random(6)
    kinds = {tuple(part.split()) for name, part in (line.split(": ") for line in lines("page_kinds")) if "~" in name}
    assert len(kinds) >= 4
    dotted = sum("......" in page(rng, held_out=True).numbered for _ in range(200))
    assert dotted > 60
