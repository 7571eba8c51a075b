"""The host that first boot works on: where its files are, how commands run, and what it was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.fs import replace_secret
from dom0kit.process import QUERY_SECONDS
from firstboot.secret_erasure import masked, secret_at
from network import observed
from network.host_json import bond_names, configured_families, management_port
from pool.host_access import Local

if TYPE_CHECKING:
    from answerfiles.model import Answers

HOST_JSON = "etc/dom0kit/host.json"
MANIFEST = "run/dom0kit/image/manifest.json"


@dataclass
class Host(Local):
    """One host, with its files and commands as a pool's drivers see them.

    :param warnings: what is not well but keeps no step from its end, in sentences for the console.
    """

    warnings: list[str] = field(default_factory=list)

    @cached_property
    def told(self) -> dict[str, Any]:
        """``host.json`` as it stands. A boot with nothing to do reads no more than this: the model takes long to load."""
        path = self.path(HOST_JSON)
        hint = "first boot runs on installed hosts; install this machine, or put the file back"
        try:
            value = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise UserError(f"/{HOST_JSON} is not there", hint) from error
        except PermissionError as error:
            raise UserError(f"/{HOST_JSON} may be read by root alone", "run this command as root") from error
        except ValueError as error:
            raise UserError(f"/{HOST_JSON} is damaged: {error}", hint) from error
        if not isinstance(value, dict):
            raise UserError(f"/{HOST_JSON} is damaged: not an object", hint)
        return value

    @cached_property
    def answers(self) -> Answers:
        """``host.json`` through its model, checked."""
        # Loaded here alone: at boots with nothing to do, pydantic would be most of the time spent.
        from pydantic import ValidationError  # noqa: PLC0415

        from answerfiles.model import load_host  # noqa: PLC0415

        _ = self.told  # says in words when the file is not there or not JSON
        try:
            return load_host(self.path(HOST_JSON))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(f"/{HOST_JSON} is damaged at {where}: {first['msg']}", "correct the file as root") from error

    def secret(self, path: str) -> str | None:
        """A secret of ``host.json`` by its path, such as ``pool.join.token``; None when there is none or it was forgotten."""
        return secret_at(self.told, path)

    def forget(self, *paths: str) -> bool:
        """Mask secrets in ``host.json`` that are used up, on the disk and here; was one there?

        A step need not call it: name the paths in ``Step.secrets``, and the runner forgets them once the step is stamped.
        """
        value = masked(self.told, paths)
        if value is self.told:
            return False
        replace_secret(self.path(HOST_JSON), json.dumps(value, indent=2, sort_keys=True) + "\n", 0o600)
        self.__dict__.pop("answers", None)
        self.__dict__["told"] = value
        return True

    @cached_property
    def port(self) -> str:
        """The interface with the host's address, without loading the model."""
        return management_port(self.told)

    @cached_property
    def families(self) -> tuple[int, ...]:
        """The address families that the answers ask for: 4, 6 or both."""
        return configured_families(self.told)

    @cached_property
    def name(self) -> str:
        """The host's name; of a host that cannot tell, ``this host``."""
        try:
            return str(self.told.get("host_name", "this host"))
        except UserError:
            return "this host"

    @cached_property
    def version(self) -> str:
        """The version of the image that is running."""
        try:
            return str(json.loads(self.read(MANIFEST))["version"])
        except (ValueError, KeyError, TypeError):
            return "unknown"

    @cached_property
    def on_xen(self) -> bool:
        """Does this system run on Xen?"""
        return self.read("sys/hypervisor/type").strip() == "xen"

    def addresses(self) -> dict[int, list[str]]:
        """The addresses that the host's port has now, by family: 4 and 6."""
        return observed.addresses(
            self.run(["ip", "-json", "address", "show", "dev", self.port], check=False, timeout=QUERY_SECONDS).output
        )

    def address(self) -> str | None:
        """The address to name the host by, of the families that the answers ask for."""
        return observed.best(self.addresses(), self.families)

    def bonds(self) -> dict[str, dict[str, Any]]:
        """The bonds of the answers as Open vSwitch has them now."""
        names = bond_names(self.told)
        return {
            name: observed.bond(self.run(["ovs-appctl", "bond/show", name], check=False, timeout=QUERY_SECONDS).output)
            for name in names
        }
