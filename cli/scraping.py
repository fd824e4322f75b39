"""Tells Prometheus where a running system's metrics are: a file for its `file_sd_configs`."""

import json
from collections.abc import Mapping

from cli.folders import DataFolder


def write_targets(folder: DataFolder, addresses: Mapping[str, str]) -> None:
    """`addresses`: host and port by the name of the part that serves `/metrics` there."""
    folder.targets.parent.mkdir(parents=True, exist_ok=True)
    groups = [{"targets": [address], "labels": {"part": part}} for part, address in addresses.items()]
    fresh = folder.targets.with_suffix(".json.new")
    fresh.write_text(json.dumps(groups, indent=1))
    fresh.replace(folder.targets)  # Prometheus reads it whenever it changes
