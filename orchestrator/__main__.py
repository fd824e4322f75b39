"""`python -m orchestrator`: serve HTTP."""

import logging

import uvicorn

from orchestrator.app import create_app
from orchestrator.settings import OrchestratorSettings


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    settings = OrchestratorSettings.from_environment()
    app = create_app(settings)
    uvicorn.run(app, host=settings.host, port=settings.port, log_config=None, server_header=False)


if __name__ == "__main__":
    main()
