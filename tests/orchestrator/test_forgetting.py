"""What is left of a conversation when an item of it is deleted, and which handles come next."""

from orchestrator.conversation import Conversation
from orchestrator.forgetting import Remembered, forget
from orchestrator.items import ImagePart, Message, Removed, TextPart

RED, BLUE, GREEN = (f"{letter * 64}.png" for letter in "abc")


def said(*parts):
    return Message(role="user", parts=parts)


def image(number, artifact):
    return ImagePart(handle=f"image_{number}", artifact=artifact)


def left(rows, item_id, **listed):
    remembered = [Remembered(item_id=name, item=item) for name, item in rows]
    return [row.item for row in forget(remembered, item_id, listed) if row is not None]


def test_a_picture_that_a_later_item_has_itself_stays_there():
    text = TextPart(text="and?")
    rows = [("a", said(image(1, RED))), ("b", said(image(1, RED), text)), ("c", said(image(1, RED)))]
    gone, shown_again, own = left(rows, "a", b={"text": "and?"}, c={"image": {"artifact": RED}})
    assert gone == Removed(handles=("image_1",))
    assert shown_again == said(text)
    assert own == said(image(1, RED))


def test_an_item_without_handles_leaves_nothing():
    rows = [("a", said(TextPart(text="x"))), ("b", said(image(1, RED)))]
    assert left(rows, "a", b={"image": {"artifact": RED}}) == [said(image(1, RED))]


def test_a_handle_is_not_given_out_again_also_after_a_compaction(store):
    items = (Removed(handles=("image_1",)), said(image(2, BLUE)))
    conversation = Conversation.from_items(items, store, max_images=9)
    shorter = Conversation.from_items(conversation.compacted(100), store, max_images=9)
    for each in (conversation, shorter):
        assert each.add_image(GREEN).handle == "image_3"
    assert conversation.add_image(RED).handle == "image_4"
