"""Settings: wrong values stop the start with a sentence; the link secret is made once."""

import pytest

from orchestrator.settings import OrchestratorSettings
from shared.settings import Settings, link_secret


def test_a_wrong_value_stops_the_start_and_names_its_variable(monkeypatch):
    monkeypatch.setenv("DIPTYCH_LEASE_S", "soon")
    with pytest.raises(SystemExit) as stopped:
        Settings.from_environment()
    assert "DIPTYCH_LEASE_S" in str(stopped.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_a_public_address_needs_a_key(monkeypatch, host):
    monkeypatch.setenv("DIPTYCH_HOST", host)
    with pytest.raises(SystemExit) as stopped:
        OrchestratorSettings.from_environment()
    assert "DIPTYCH_API_KEY" in str(stopped.value)
    monkeypatch.setenv("DIPTYCH_API_KEY", "k")
    assert OrchestratorSettings.from_environment().host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_none(monkeypatch, host):
    monkeypatch.setenv("DIPTYCH_HOST", host)
    assert OrchestratorSettings.from_environment().keys == ()


def test_the_link_secret_is_made_once_and_private(tmp_path):
    first = link_secret(tmp_path)
    assert link_secret(tmp_path) == first
    assert len(first) == 32
    assert (tmp_path / "link-secret").stat().st_mode & 0o077 == 0
