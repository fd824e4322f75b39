"""`diptych.json`: what a model folder may say about itself beyond Hugging Face's own files. Knows no weights.

Example: `{"tool_call": {"begin": "<tool_call>", "end": "</tool_call>"}, "copy_arguments": {"prefix": " "}}`
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class FolderRefused(ValueError):
    """The model folder cannot be served; the message is a sentence that says why and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ToolCallMarkers(_Strict):
    """What stands around a tool call's JSON. The defaults are Hermes's and Qwen's."""

    begin: str = Field(default="<tool_call>", min_length=1)
    end: str = Field(default="</tool_call>", min_length=1)


class CopyArguments(_Strict):
    """The model writes free string arguments as `prefix` and a span of the user's words.

    The prefix is the model's own affair (a space gives words the tokens that they have in mid-sentence):
    it is taken off the arguments that clients get, and put back on the calls that clients send.
    """

    prefix: str = ""


class FolderConfig(_Strict):
    """The whole of `diptych.json`."""

    tool_call: ToolCallMarkers = ToolCallMarkers()
    copy_arguments: CopyArguments | None = None


def read_folder_config(folder: Path) -> FolderConfig:
    """The folder's `diptych.json`, or the defaults where there is none.

    Raises:
        FolderRefused: the file is not JSON of this form.
    """
    path = folder / "diptych.json"
    if not path.exists():
        return FolderConfig()
    try:
        return FolderConfig.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise FolderRefused(f"{path}: {where}: {first['msg']}") from None
