"""Turns in which somebody asks what a picture shows.

Knows which picture is asked about. Does not know the answers' wording (`questions`) or which turns follow.
"""

from random import Random

from training.vlm.chat import PAGE, Conversation, Picture, says, user_says
from training.vlm.questions import PAGE_ANSWER, STRANGE_ANSWER, Question, about_scene, about_unknown, numbered
from training.world import Scene

FOLLOW_UPS = (1, 1, 1, 2, 3, 3, 3)
"""How often 0, 1 … further questions about the same picture come: an image costs 64 tokens, a question 20."""


def _first_question(chat: Conversation, rng: Random, pictures: list[Picture]) -> Question:
    target = pictures[-1]
    if not isinstance(target, Scene):
        return about_unknown(rng, PAGE_ANSWER if target == PAGE else STRANGE_ANSWER)
    if len(pictures) > 1 and rng.random() < 0.6:
        coming = [f"image_{chat.next_image + k}" for k in range(len(pictures))]
        scenes = [(handle, each) for handle, each in zip(coming, pictures, strict=True) if isinstance(each, Scene)]
        handle, scene = rng.choice(scenes)
        return numbered(handle, coming, scene, rng)
    return about_scene(target, rng)


def looking_turn(chat: Conversation, rng: Random, pictures: list[Picture]) -> None:
    """Questions about the image that comes with the message."""
    question = _first_question(chat, rng, pictures)
    silent = question.kind in ("what", "outside") and rng.random() < 0.05
    user_says(chat, "" if silent else question.message, pictures, rng)
    says(chat, question.answer)
    target = pictures[-1]
    if len(pictures) == 1 and isinstance(target, Scene):
        for _ in range(rng.choices(range(len(FOLLOW_UPS)), FOLLOW_UPS)[0]):
            question = about_scene(target, rng)
            user_says(chat, question.message, [], rng)
            says(chat, question.answer)
