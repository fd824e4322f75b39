"""Every error that a person or the model may see. Knows HTTP status codes; knows nothing of HTTP frameworks.

DiptychError                    500  something went wrong here; details are in the log only
├── InvalidRequest              400  the request itself is at fault
│   ├── InvalidImage            400  not a readable image, or over a limit
│   ├── InvalidFile             400  not a readable PDF, over a limit, or of a type that is not served
│   ├── RemoteImageRefused      400  an image URL that is not a data URL
│   ├── ContextTooLong          400  the conversation does not fit the VLM
│   ├── BodyTooLarge            413  more bytes than a request may have
│   ├── UnknownModel            404  the model asked for is not served here
│   └── NotFound                404  no such job, file or artifact
├── Unauthorized                401  the key is missing or wrong
├── LinkInvalid                 403  an artifact link whose signature is wrong
├── Conflict                    409  the thing is no longer in a state that allows this
├── ToolArgumentsInvalid        422  a tool call that does not fit its schema; the model may try again
├── Overloaded                  429  too much of the asker's is under way or waiting; try again later
├── JobFailed                   500  a worker tried and could not do it
│   └── JobCancelled            409  somebody stopped the job
├── Stopping                    503  Diptych itself is being stopped, or started anew
├── StorageFailed               507  what was made or sent cannot be kept: the disk is full, or may not be written
├── WorkerUnavailable           503  no worker of that kind is running
├── VlmUnavailable              502  the VLM server cannot be reached, or answered with an error
│   ├── VlmAway                 502  the VLM server is not there; nothing was sent to it
│   ├── VlmRefused              502  the VLM server found fault with what it was asked
│   └── VlmNonsense             502  the VLM's answers could not be understood, several times in a row
└── DeadlineExceeded            504  the turn, or a job in it, took longer than it may

`code` is stable and for programs, the message is for people and says what to do next.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class ErrorRecord(BaseModel):
    """An error as it is stored in the ledger and sent in events."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    status: int = 500
    """The HTTP status of an answer that fails by it."""


class DiptychError(Exception):
    """Base of the tree; raised itself only for faults of our own."""

    status: int = 500
    code: str = "internal_error"
    retryable: ClassVar[bool] = False
    """Whether the model may try again with other arguments in the same turn."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        if code is not None:
            self.code = code

    @property
    def record(self) -> ErrorRecord:
        return ErrorRecord(code=self.code, message=self.message, status=self.status)


class InvalidRequest(DiptychError):
    status = 400
    code = "invalid_request"


class InvalidImage(InvalidRequest):
    code = "invalid_image"


class InvalidFile(InvalidRequest):
    code = "invalid_file"


class RemoteImageRefused(InvalidRequest):
    code = "invalid_image_url"


class ContextTooLong(InvalidRequest):
    code = "context_length_exceeded"


class BodyTooLarge(InvalidRequest):
    status = 413
    code = "request_too_large"


class UnknownModel(InvalidRequest):
    status = 404
    code = "model_not_found"


class NotFound(InvalidRequest):
    status = 404
    code = "not_found"


class Unauthorized(DiptychError):
    status = 401
    code = "invalid_api_key"


class LinkInvalid(DiptychError):
    status = 403
    code = "invalid_link"


class Conflict(DiptychError):
    status = 409
    code = "conflict"


class ToolArgumentsInvalid(DiptychError):
    status = 422
    code = "invalid_tool_arguments"
    retryable = True


class Overloaded(DiptychError):
    status = 429
    code = "overloaded"


class JobFailed(DiptychError):
    code = "job_failed"


class JobCancelled(JobFailed):
    status = 409
    code = "job_cancelled"

    def __init__(self) -> None:
        super().__init__("The job was stopped.")


class Stopping(DiptychError):
    status = 503
    code = "stopping"

    def __init__(self) -> None:
        super().__init__("Diptych is stopping. Try again in a moment.")


class StorageFailed(DiptychError):
    status = 507
    code = "storage_failed"

    def __init__(self, reason: str) -> None:
        super().__init__(f"The server cannot keep files now ({reason}). Once its owner has mended that, try again.")


class WorkerUnavailable(DiptychError):
    status = 503
    code = "worker_unavailable"


class VlmUnavailable(DiptychError):
    status = 502
    code = "vlm_unavailable"


class VlmAway(VlmUnavailable):
    """There was nobody to ask: nothing was sent."""


class VlmRefused(VlmUnavailable):
    code = "vlm_refused"


class VlmNonsense(VlmUnavailable):
    code = "vlm_nonsense"


class DeadlineExceeded(DiptychError):
    status = 504
    code = "deadline_exceeded"


def error_of(record: ErrorRecord) -> DiptychError:
    """The error that became a record."""
    error = DiptychError(record.message, code=record.code)
    error.status = record.status
    return error
