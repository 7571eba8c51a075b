"""Answer files: what a host is installed with; read, checked, converted and rendered for many hosts."""

from __future__ import annotations

import os

# pydantic checks the schemas that it made of the model once more, and looks for plug-ins among all installed packages: a third
# of the time in which a command starts. Tests of the model do not depend on either.
os.environ.setdefault("PYDANTIC_SKIP_VALIDATING_CORE_SCHEMAS", "1")
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
