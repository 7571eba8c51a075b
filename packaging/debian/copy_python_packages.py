"""Copy installed Python packages into a folder: ``copy_python_packages.py FOLDER NAME...``.

Modules, data and metadata are copied; programs in ``bin/``, byte code and tests are not.
"""

from __future__ import annotations

import shutil
import sys
from importlib import metadata
from pathlib import Path

LEFT_OUT = {"__pycache__", "tests"}


def copy(name: str, folder: Path) -> None:
    """Copy one package.

    :raises importlib.metadata.PackageNotFoundError: when it is not installed.
    """
    for file in metadata.distribution(name).files or []:
        if ".." in file.parts or LEFT_OUT & set(file.parts):
            continue
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.locate(), target)


if __name__ == "__main__":
    for word in sys.argv[2:]:
        copy(word, Path(sys.argv[1]))
