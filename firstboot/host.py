"""The host that first boot configures: its files, commands and ``host.json``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, cast

from dom0kit.errors import UserError
from dom0kit.fs import replace_secret
from dom0kit.host_json import HostJson
from dom0kit.process import QUERY_SECONDS
from firstboot.secret_erasure import masked, secret_at
from network import observed
from network.host_json import bond_names, configured_families, management_port
from pool.host_access import LocalHost

if TYPE_CHECKING:
    from answerfiles.model import Answers

HOST_JSON = "etc/dom0kit/host.json"
MANIFEST = "run/dom0kit/image/manifest.json"


@dataclass
class Host(LocalHost):
    """One host, with its files and commands as pool drivers access them.

    :param warnings: problems that make no step fail, as sentences for the console.
    """

    warnings: list[str] = field(default_factory=list)

    @cached_property
    def host_json(self) -> HostJson:
        """``host.json`` as JSON.

        A boot with nothing to do reads only this, because the model takes long to import.
        """
        path = self.path(HOST_JSON)
        hint = "run this on an installed host, or restore the file"
        try:
            value = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"/{HOST_JSON} does not exist", hint) from error
        except PermissionError as error:
            raise UserError(f"/{HOST_JSON} is readable by root only", "run this command as root") from error
        except ValueError as error:
            raise UserError(f"/{HOST_JSON} is damaged: {error}", hint) from error
        if not isinstance(value, dict):
            raise UserError(f"/{HOST_JSON} is damaged: not an object", hint)
        return cast("HostJson", value)

    @cached_property
    def answers(self) -> Answers:
        """``host.json`` as a validated model."""
        # Imported here: at boots with nothing to do, importing pydantic would take most of the time.
        from pydantic import ValidationError  # noqa: PLC0415

        from answerfiles.model import load_host  # noqa: PLC0415

        _ = self.host_json  # reports a missing file or invalid JSON to the user
        try:
            return load_host(self.path(HOST_JSON))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(f"/{HOST_JSON} is damaged at {where}: {first['msg']}", "correct the file as root") from error

    def secret(self, path: str) -> str | None:
        """Return a secret of ``host.json`` by its path; None when there is none or it was erased.

        :param path: such as ``pool.join.token``.
        """
        return secret_at(self.host_json, path)

    def erase_secrets(self, *paths: str) -> bool:
        """Mask used secrets in ``host.json``, on disk and in this object.

        A step need not call it: the runner erases the paths in ``Step.erase_after`` once the step
        is recorded as done.

        :returns: whether there were any.
        """
        value = masked(self.host_json, paths)
        if value is self.host_json:
            return False
        replace_secret(self.path(HOST_JSON), json.dumps(value, indent=2, sort_keys=True) + "\n", 0o600)
        self.__dict__.pop("answers", None)
        self.__dict__["host_json"] = value
        return True

    @cached_property
    def port(self) -> str:
        """The interface with the host's address, read without importing the model."""
        return management_port(self.host_json)

    @cached_property
    def families(self) -> tuple[int, ...]:
        """The configured address families: 4, 6 or both."""
        return configured_families(self.host_json)

    @cached_property
    def name(self) -> str:
        """The host's name; ``this host`` when it is unknown."""
        try:
            return str(self.host_json.get("host_name", "this host"))
        except UserError:
            return "this host"

    @cached_property
    def version(self) -> str:
        """The version of the running image."""
        try:
            return str(json.loads(self.read(MANIFEST))["version"])
        except (ValueError, KeyError, TypeError):
            return "unknown"

    @cached_property
    def on_xen(self) -> bool:
        """Whether this system runs on Xen."""
        return self.read("sys/hypervisor/type").strip() == "xen"

    def addresses(self, port: str = "") -> dict[int, list[str]]:
        """Return the current addresses of an interface by family: 4 and 6.

        :param port: the management network's without it.
        """
        return observed.addresses(
            self.run(["ip", "-json", "address", "show", "dev", port or self.port], check=False, timeout=QUERY_SECONDS).output
        )

    def address(self) -> str | None:
        """Return the address to name the host by, of the configured families; None without one."""
        return observed.best(self.addresses(), self.families)

    def bonds(self) -> dict[str, observed.Bond]:
        """Return the state of the configured bonds from Open vSwitch."""
        names = bond_names(self.host_json)
        return {
            name: observed.bond(self.run(["ovs-appctl", "bond/show", name], check=False, timeout=QUERY_SECONDS).output)
            for name in names
        }
