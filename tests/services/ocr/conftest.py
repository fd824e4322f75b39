"""One reader for all tests of the OCR service, made where no connection can be opened."""

import socket

import pytest

from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings


def refuse(*_: object) -> None:
    raise AssertionError("the reader tried to open a connection")


@pytest.fixture(scope="session")
def reader() -> Reader:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        return Reader.from_settings(OcrSettings())


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", refuse)
