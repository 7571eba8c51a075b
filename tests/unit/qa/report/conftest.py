"""A folder of artifacts with hostile names, damaged files, and files of an older version."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.report import sample


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """Return the folder of the sample."""
    sample.make(tmp_path / "artifacts")
    return tmp_path / "artifacts"
