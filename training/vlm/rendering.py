"""A conversation as the decoder reads it: the same text as `chat_template.jinja` gives, with the parts to learn marked.

Rendering through Jinja costs a millisecond a conversation; training renders millions. A test holds the two together.
"""

import json
from typing import Any

PAD, END, TOOLS, USER, ASSISTANT, TOOL = "<|pad|>", "<|end|>", "<|tools|>", "<|user|>", "<|assistant|>", "<|tool|>"
IMAGE, CALL_BEGIN, CALL_END = "<image>", "<tool_call>", "</tool_call>"
ROLE_TOKENS = (PAD, END, TOOLS, USER, ASSISTANT, TOOL, IMAGE)
CALL_TOKENS = (CALL_BEGIN, CALL_END)
USER_LIMIT, ASSISTANT_LIMIT, RESULT_LIMIT = 1200, 200, 80
"""Characters of each part that are kept."""

Segment = tuple[str, bool]
"""Text, and whether the model shall learn to write it."""


def render_arguments(arguments: dict[str, Any]) -> str:
    """JSON with a space before a prompt's first word, so that its tokens are those of the user's words."""
    spaced = {key: f" {value.strip()}" if key.endswith("prompt") else value for key, value in arguments.items()}
    return json.dumps(spaced, ensure_ascii=False)


def render_call(name: str, arguments: dict[str, Any]) -> str:
    """One tool call, as the server parses it."""
    return f'{CALL_BEGIN}{{"name": "{name}", "arguments": {render_arguments(arguments)}}}{CALL_END}'


def _squeezed(text: str) -> str:
    words = " ".join(text.split())[:USER_LIMIT]
    return f" {words}" if words else ""


def _user_text(content: str | list[dict[str, str]]) -> str:
    if isinstance(content, str):
        return " " + " ".join(content.split())[:USER_LIMIT]
    return "".join(IMAGE if part["type"] == "image" else _squeezed(part["text"]) for part in content)


def _tools_text(tools: list[dict[str, Any]]) -> str:
    functions = (tool["function"] for tool in tools)
    return "".join(f" {each['name']}({', '.join(each['parameters']['properties'])})" for each in functions)


def _assistant_text(message: dict[str, Any]) -> str:
    text = (message["content"] or "")[:ASSISTANT_LIMIT]
    calls = (call["function"] for call in message.get("tool_calls", []))
    return text + "".join(render_call(call["name"], call["arguments"]) for call in calls)


def segments(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> list[Segment]:
    """The conversation in pieces, each beginning or ending at a special token."""
    pieces: list[Segment] = []
    if tools:
        pieces.append((f"{TOOLS}{_tools_text(tools)}{END}", False))
    for message in messages:
        if message["role"] == "user":
            pieces.append((f"{USER}{_user_text(message['content'])}{END}", False))
        elif message["role"] == "assistant":
            pieces.append((ASSISTANT, False))
            pieces.append((_assistant_text(message) + END, message.get("learned", True)))
        else:
            pieces.append((f"{TOOL} {message['content'][:RESULT_LIMIT]}{END}", False))
    return pieces
