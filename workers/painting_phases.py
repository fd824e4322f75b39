"""What a painter does, seen from outside: its phases as spans, and how long each denoise step takes.

Only looks at what the painter's generator yields, and when.
"""

import time
from collections.abc import Callable, Iterator

from services.diffusion.happenings import Happening, Prepared, Step
from shared.tracing import tracer

StepTook = Callable[[float], None]
"""Is told the seconds of each step: the time inside the painter from the event before it on."""


def unheard(_seconds: float) -> None:
    """For where nobody wants to know."""


def watched(happenings: Iterator[Happening], step_took: StepTook) -> Iterator[Happening]:
    """What happens, with the spans `encode`, `denoise` and `decode` under the current one."""
    span = tracer.start_span("encode")
    try:
        while True:
            began = time.perf_counter()
            try:
                happening = next(happenings)
            except StopIteration:
                return
            if isinstance(happening, Prepared):
                span.end()
                span = tracer.start_span("denoise", attributes={"diptych.denoise.steps": happening.total})
            elif isinstance(happening, Step):
                step_took(time.perf_counter() - began)
                if happening.step == happening.total:
                    span.end()
                    span = tracer.start_span("decode")
            yield happening
    finally:
        span.end()
