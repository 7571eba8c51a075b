"""A folder of inputs whose names say their outcome: ``NN-ok-...``, ``NN-error-...``; ``any`` is for comparisons of machines.

The folder is that of the environment variable ``DOM0KIT_CASES``, or ``shared/cases/answers`` next to the checkout.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from answerfiles.reader import read_answers
from dom0kit.errors import UserError

FOLDER = Path(os.environ.get("DOM0KIT_CASES") or Path(__file__).parents[4] / "shared/cases/answers")
CASES = sorted(path for path in FOLDER.glob("*") if re.match(r"\d+-(?:ok|error|any)-.*\.(?:xml|yaml)$", path.name))


@pytest.mark.skipif(not CASES, reason="no folder of cases")
@pytest.mark.parametrize("path", [path for path in CASES if path.suffix == ".xml"], ids=lambda path: path.name)
def test_outcome(path: Path) -> None:
    expected = path.name.split("-")[1]
    try:
        read_answers(path, lambda warning: None)
    except UserError:
        assert expected != "ok"
    else:
        assert expected != "error"
