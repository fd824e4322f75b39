"""`python -m orchestrator`: serve HTTP."""

import gc

import uvicorn

from orchestrator.app import create_app
from orchestrator.settings import OrchestratorSettings
from shared.process_log import set_up_logging
from shared.tracing import set_up_tracing


def main() -> None:
    set_up_logging()
    settings = OrchestratorSettings.from_environment()
    set_up_tracing("orchestrator", settings)
    app = create_app(settings)
    gc.collect()
    gc.freeze()  # what is loaded stays: going through it again and again would halt all streams for a tenth of a second
    gc.set_threshold(20_000, 20, 20)  # and what streams leave behind is in cycles only now and then
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=settings.stop_s,  # what has not ended by then is handed back
        ws="websockets-sansio",
        ws_max_size=settings.max_body_mb * 2**20,
    )


if __name__ == "__main__":
    main()
