"""Which part of what a VLM is shown belongs to which listed item of an answer."""

from orchestrator.conversation_turns import output_addition
from orchestrator.items import Message, TextPart, ToolCall, ToolResult


def message(text):
    return Message(role="assistant", parts=(TextPart(text=text),))


def call(name, call_id):
    return ToolCall(id=name, call_id=call_id, name="f", arguments="{}")


def result(call_id):
    return ToolResult(call_id=call_id, output="{}")


def test_shown_calls_own_their_results_and_messages_all_that_leads_to_them():
    output = [
        {"id": "msg_1", "type": "message"},
        {"id": "ig_1", "type": "image_generation_call"},
        {"id": "ig_2", "type": "image_generation_call"},
        {"id": "msg_2", "type": "message"},
        {"id": "fc_1", "type": "function_call"},
    ]
    items = [
        message("a"),
        call("ig_1", "1"),
        call("ig_2", "2"),
        result("1"),
        result("2"),
        call("hidden", "3"),
        result("3"),
        message("b"),
        call("fc_1", "4"),
    ]
    owners = [row.item_id for row in output_addition(output, items).remembered]
    assert owners == ["msg_1", "ig_1", "ig_2", "ig_1", "ig_2", "msg_2", "msg_2", "msg_2", "fc_1"]


def test_what_no_message_follows_belongs_to_the_last_item():
    output = [{"id": "ig_1", "type": "image_generation_call"}]
    items = [call("ig_1", "1"), result("1"), call("hidden", "2"), result("2")]
    assert {row.item_id for row in output_addition(output, items).remembered} == {"ig_1"}


def test_where_nothing_was_shown_nothing_is_remembered():
    assert output_addition([], [message("a")]).remembered == ()
