"""The spans of a turn and of its tool calls, by OpenTelemetry's GenAI conventions: around the events, not in the loop.

Each is to be followed in one task, as turns and calls are. Spans hold no content of conversations.
"""

from collections.abc import AsyncGenerator

from orchestrator.items import ToolCall
from shared.events import ToolReturned, TurnCompleted, TurnEvent
from shared.tracing import mark_failed, tracer

AGENT = "diptych"


async def traced_turn(events: AsyncGenerator[TurnEvent, None]) -> AsyncGenerator[TurnEvent, None]:
    """The events of an agent loop, which runs within a span."""
    attributes = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": AGENT,
        "gen_ai.agent.name": AGENT,
    }
    with tracer.start_as_current_span(f"invoke_agent {AGENT}", attributes=attributes) as span:
        async for event in events:
            if isinstance(event, TurnCompleted):
                span.set_attribute("gen_ai.usage.input_tokens", event.usage.prompt_tokens)
                span.set_attribute("gen_ai.usage.output_tokens", event.usage.completion_tokens)
                span.set_attribute("gen_ai.response.finish_reasons", [event.finish_reason])
            yield event


async def traced_call(call: ToolCall, events: AsyncGenerator[TurnEvent, None]) -> AsyncGenerator[TurnEvent, None]:
    """The events of one tool call, which is executed within a span."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.name,
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call.call_id,
    }
    with tracer.start_as_current_span(f"execute_tool {call.name}", attributes=attributes) as span:
        async for event in events:
            if isinstance(event, ToolReturned) and event.error is not None:
                mark_failed(span, event.error.code)
            yield event
