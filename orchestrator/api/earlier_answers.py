"""Answers that a client sends back: our own picture links in them are those pictures again."""

from orchestrator.conversation import Conversation
from orchestrator.items import ImagePart, TextPart
from orchestrator.links import MARKDOWN_IMAGE, Links


def earlier_answer(text: str, conversation: Conversation, links: Links) -> list[TextPart | ImagePart]:
    """The answer's text, with a picture for each of our own links. Other links stay text, and are never fetched.

    Raises:
        InvalidRequest: too many images.
    """
    parts: list[TextPart | ImagePart] = []
    done = 0
    for match in MARKDOWN_IMAGE.finditer(text):
        artifact_id = links.artifact_of(match["url"])
        if artifact_id is None:
            continue
        if match.start() > done:
            parts.append(TextPart(text=text[done : match.start()]))
        parts.append(conversation.add_image(artifact_id))
        done = match.end()
    if done < len(text) or not parts:
        parts.append(TextPart(text=text[done:]))
    return parts
