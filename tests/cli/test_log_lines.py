"""JSON log lines as people read them."""

import json
from pathlib import Path

from cli.log_lines import readable
from cli.state import tail

ENTRY = {"time": "2026-11-26T10:59:15.930217+00:00", "level": "ERROR", "logger": "workers", "message": "it failed"}


def test_a_line_of_ours_becomes_a_sentence_with_its_names_and_its_trace_below() -> None:
    text = readable(json.dumps(ENTRY | {"job_id": "job_1", "exc_info": "Traceback\nValueError"}))
    assert text.endswith("ERROR workers: it failed [job_id=job_1]\nTraceback\nValueError")
    assert text[2] == text[5] == ":"


def test_lines_of_others_stay_as_they_are() -> None:
    for line in ("Ready to accept connections", '{"port": 1}', "[1]", "3", ""):
        assert readable(line) == line


def test_the_end_of_a_log_is_shown_for_people(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    log.write_text(f"plain\n{json.dumps(ENTRY)}\n")
    plain, ours = tail(log).splitlines()
    assert plain == "plain"
    assert ours.endswith("ERROR workers: it failed")
