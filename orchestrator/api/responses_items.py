"""The items of a response's output, as they are given out. Pictures in them are references to artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.api.image_tool import ImageGenerationTool
from orchestrator.api.responses_pictures import SOURCE, reference
from shared.errors import ErrorRecord
from shared.events import FunctionCalled, PictureShown, TextQuote, ToolCalled
from shared.jobs import GeneratedImage, JobOutput
from shared.text_jobs import TextComposed, TextRead


def text_part(text: str, annotations: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": list(annotations), "logprobs": []}


def quote_annotation(quote: TextQuote, offset: int) -> dict[str, Any]:
    """What supports a quote, as an extension of the standard; `offset` is where its piece of text begins."""
    values = quote.model_dump(mode="json", exclude={"start", "end"})
    return {"type": "diptych:quote", "start_index": offset + quote.start, "end_index": offset + quote.end} | values


def message_item(
    item_id: str, status: str, text: str | None, annotations: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    content = [] if text is None else [text_part(text, annotations)]
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def function_item(call: FunctionCalled, status: str, arguments: str) -> dict[str, Any]:
    return {
        "id": call.id,
        "type": "function_call",
        "status": status,
        "call_id": call.call_id,
        "name": call.name,
        "arguments": arguments,
    }


def hosted_item(call: ToolCalled, status: str, output: JobOutput | None = None) -> dict[str, Any]:
    """A call of one of our own tools, as an extension of the standard."""
    item: dict[str, Any] = {"id": call.id, "type": f"diptych:{call.name}_call", "status": status}
    item["image_url"] = call.source
    return item | {"arguments": call.arguments, "output": _read(output) if isinstance(output, TextRead) else None}


def _read(read: TextRead) -> dict[str, Any]:
    return {"text": read.text} | read.model_dump(mode="json", include={"lines", "width", "height", "engine"})


def failed(item: dict[str, Any], error: ErrorRecord) -> dict[str, Any]:
    return item | {"status": "failed", "error": {"type": "tool_error", "code": error.code, "message": error.message}}


@dataclass(frozen=True)
class ImageForm:
    """How pictures are given out."""

    tool: ImageGenerationTool
    response_id: str
    extended: bool
    """Whether the values that OpenAI has no field for are told."""

    def begun(self, call: ToolCalled) -> dict[str, Any]:
        item: dict[str, Any] = {"id": call.id, "type": "image_generation_call", "status": "in_progress", "result": None}
        if self.extended:
            item["diptych"] = {"response_id": self.response_id, "arguments": call.arguments, "source": call.source}
        return item

    def done(self, call: ToolCalled, shown: PictureShown, *, given: str, output: JobOutput | None) -> dict[str, Any]:
        """The finished item, with the picture as it was made and the artifact of it as it is given out."""
        item = self.begun(call) | {
            "status": "completed",
            "result": reference(given),
            SOURCE: reference(shown.artifact),
            "action": "generate" if call.name == "generate_image" else "edit",
            "background": "opaque",
            "output_format": self.tool.output_format,
            "quality": self.tool.quality,
            "revised_prompt": call.arguments.get("prompt"),
        }
        if isinstance(output, GeneratedImage):
            item["size"] = f"{output.width}x{output.height}"
            if self.extended:
                item["diptych"] |= _painting(output) | {"url": shown.link}
        elif isinstance(output, TextComposed):
            item["size"] = f"{output.width}x{output.height}"
            if self.extended:
                made = output.model_dump(mode="json", exclude={"kind", "artifact", "width", "height"})
                item["diptych"] |= made | {"url": shown.link}
        return item


def _painting(output: GeneratedImage) -> dict[str, Any]:
    used = {"seed", "fast", "steps", "guidance_scale", "strength", "noise", "model", "seconds"}
    values = output.model_dump(mode="json", include=used | {"unknown_words", "candidates", "kept"})
    return values | {"native_size": f"{output.native_width}x{output.native_height}"}
