"""All records are tested in both databases."""

import pytest


@pytest.fixture
def engine(each_engine):
    return each_engine
