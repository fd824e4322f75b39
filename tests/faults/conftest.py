"""Houses that the tests of faults share."""

import pytest

from tests.faults.house import House


@pytest.fixture
def house(tmp_path):
    """Two workers with leases of one second."""
    with House(tmp_path, workers=2) as house:
        yield house
