"""A conversation as the decoder reads it: the same text as `chat_template.jinja` gives, with the parts to learn marked.

Rendering through Jinja costs a millisecond a conversation; training renders millions. A test holds the two together.
"""

import json
from typing import Any

PAD, END, TOOLS, USER, ASSISTANT, TOOL = "<|pad|>", "<|end|>", "<|tools|>", "<|user|>", "<|assistant|>", "<|tool|>"
IMAGE, CALL_BEGIN, CALL_END = "<image>", "<tool_call>", "</tool_call>"
ROLE_TOKENS = (PAD, END, TOOLS, USER, ASSISTANT, TOOL, IMAGE)
CALL_TOKENS = (CALL_BEGIN, CALL_END)
COPY_PREFIX = " "
"""Written before free strings, so that their tokens are those of the user's words."""
USER_LIMIT, ASSISTANT_LIMIT, RESULT_LIMIT, DESCRIPTION_LIMIT = 1200, 200, 1200, 60
"""Characters of each part that are kept."""
REPEAT_LIMIT = 300
"""Characters of the user's words that are repeated behind a tool's result, where an answer is looked for."""
HINTS = 3
"""Functions or lines that are pointed at, at most."""
CHOICES_LIMIT = 8
"""Values of an enumeration that are shown."""
_FIRST_LINE, _NEWLINE = '"content": "1: ', "\\n"
"""As they stand in the JSON of a result."""
_BOUND = frozenset({"enum", "const", "pattern", "format"})

_COMMON_WORDS = (
    "the and for with you your our this that are was what which who how when where can could would will please tell "
    "give show from have has does did use all its not one any new"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_STEM = 5
"""Words are the same if they begin so: "invoice" and "invoices" are."""

Segment = tuple[str, bool]
"""Text, and whether the model shall learn to write it."""


def free_strings(tool: dict[str, Any]) -> frozenset[str]:
    """The arguments of a tool that are spans of the user's words, as `services.vlm.schema` has them."""
    properties = tool["function"]["parameters"]["properties"]
    return frozenset(key for key, p in properties.items() if p.get("type") == "string" and not _BOUND & p.keys())


def prefixed(arguments: dict[str, Any], free: frozenset[str]) -> dict[str, Any]:
    """Arguments as the model writes them."""
    return {key: COPY_PREFIX + each if key in free else each for key, each in arguments.items()}


def render_call(name: str, arguments: dict[str, Any]) -> str:
    """One tool call, as the server parses it; `arguments` as the model writes them."""
    written = json.dumps(arguments, ensure_ascii=False)
    return f'{CALL_BEGIN}{{"name": "{name}", "arguments": {written}}}{CALL_END}'


def _squeezed(text: str) -> str:
    words = " ".join(text.split())[:USER_LIMIT]
    return f" {words}" if words else ""


def _user_text(content: str | list[dict[str, str]]) -> str:
    if isinstance(content, str):
        return " " + " ".join(content.split())[:USER_LIMIT]
    return "".join(IMAGE if part["type"] == "image" else _squeezed(part["text"]) for part in content)


def _asked(content: str | list[dict[str, str]]) -> str:
    """A user's words without images and their handles, which say nothing when they are repeated."""
    texts = [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]
    return "".join(_squeezed(text) for text in texts if not text.startswith("image_"))[:REPEAT_LIMIT]


def _parameter_text(name: str, schema: dict[str, Any], required: list[str]) -> str:
    text = name if name in required else f"{name}?"
    if schema.get("enum"):
        return f"{text}={'|'.join(map(str, schema['enum'][:CHOICES_LIMIT]))}"
    return text if schema["type"] == "string" else f"{text} {schema['type']}"


def tool_text(tool: dict[str, Any]) -> str:
    """One tool in a line: parameters ("?" are optional), the name as words, what it does, and the name."""
    function = tool["function"]
    words = "".join(" " if c in "_-" else f" {c.lower()}" if c.isupper() else c for c in function["name"])
    about = function["description"].split(".")[0].strip()[:DESCRIPTION_LIMIT]
    schema = function["parameters"]
    shown = (_parameter_text(key, each, schema["required"]) for key, each in schema["properties"].items())
    return f"\n({','.join(shown)}) {words}{': ' + about if about else ''}={function['name']}"


def _stems(text: str) -> list[str]:
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return list(dict.fromkeys(word[:_STEM] for word in words if len(word) > 2 and word not in _COMMON))


def best_matches(asked: str, texts: dict[str, str]) -> list[str]:
    """Keys of the texts that share the most words with what was asked, at most HINTS; none if none shares a word."""
    stems = set(_stems(asked))
    scores = {key: sum(stem in stems for stem in _stems(text)) for key, text in texts.items()}
    top = max(scores.values(), default=0)
    return [key for key, score in scores.items() if score == top][:HINTS] if top else []


def _tool_words(tool: dict[str, Any]) -> str:
    return tool_text(tool).partition(") ")[2].rpartition("=")[0]


def numbered_lines(content: str) -> dict[str, str]:
    """The lines of a result of `read_text`, clipped, by their numbers as text."""
    _, mark, body = content[:RESULT_LIMIT].partition(_FIRST_LINE)
    cut = [line.partition(": ") for line in f"1: {body}".split(_NEWLINE)] if mark else []
    return {number: rest for number, colon, rest in cut if colon}


def _hint(names: list[str], numbers: list[str]) -> str:
    pointed = "".join(f"\n{name}" for name in names) + "".join(f" ={number}" for number in numbers)
    return f"{TOOLS}{pointed}" if pointed else ""


def _assistant_text(message: dict[str, Any], free: dict[str, frozenset[str]]) -> str:
    text = (message["content"] or "")[:ASSISTANT_LIMIT]
    for call in message.get("tool_calls", []):
        function = call["function"]
        name, arguments = function["name"], function["arguments"]
        text += render_call(name, prefixed(arguments, free.get(name, frozenset())))
    return text


def segments(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> list[Segment]:
    """The conversation in pieces, each beginning or ending at a special token.

    Behind a user's words stand the names of the functions, and the numbers of the lines read last, that share words
    with them: matching words is easy for code, and hard for so small a model. They stand again behind a result.
    """
    free = {tool["function"]["name"]: free_strings(tool) for tool in tools}
    known = {tool["function"]["name"]: _tool_words(tool) for tool in tools}
    pieces: list[Segment] = []
    if tools:
        pieces.append((f"{TOOLS}{''.join(map(tool_text, tools))}{END}", False))
    asked, lines = "", {}
    for message, following in zip(messages, [*messages[1:], {}], strict=True):
        if message["role"] == "user":
            asked = _asked(message["content"])
            hint = _hint(best_matches(asked, known), best_matches(asked, lines))
            pieces.append((f"{USER}{_user_text(message['content'])}{hint}{END}", False))
        elif message["role"] == "assistant":
            pieces.append((ASSISTANT, False))
            pieces.append((_assistant_text(message, free) + END, message.get("learned", True)))
        else:
            pieces.append((f"{TOOL} {message['content'][:RESULT_LIMIT]}{END}", False))
            lines = numbered_lines(message["content"]) or lines
            if following.get("role") != "tool" and asked:
                pieces.append((f"{USER}{asked}{_hint([], best_matches(asked, lines))}{END}", False))
    return pieces
