"""Lines of a log as people read them: ours are JSON objects (shared/process_log.py), others come as they are."""

import json
from datetime import datetime

FIRST = ("time", "level", "logger", "message", "exc_info")
"""What stands in the line at a place of its own; names follow in brackets."""


def readable(line: str) -> str:
    """One line of a log, for a person; a stack trace stands in lines below it."""
    try:
        entry = json.loads(line)
        time = datetime.fromisoformat(entry["time"]).astimezone().strftime("%H:%M:%S")
        text = f"{time} {entry['level']} {entry['logger']}: {entry['message']}"
    except (ValueError, KeyError, TypeError):
        return line
    names = " ".join(f"{name}={value}" for name, value in entry.items() if name not in FIRST)
    return "\n".join(filter(None, (f"{text} [{names}]" if names else text, entry.get("exc_info"))))
