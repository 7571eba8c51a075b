"""A protocol double of xapi: NOT xapi, but it speaks its wire formats, XML-RPC and JSON-RPC, over TLS and a Unix socket.

It implements the calls that the driver makes, answers with records that have the fields of real ones, joins hosts into a pool
in memory, and can be configured to refuse calls or to drop connections. It manages no guests, checks no certificates and starts
no services; it proves that the driver speaks the protocol and handles its errors. The official Python bindings work with it too.

Facts: XenServer's developer documentation ("Wire Protocol for Remote API Calls", API reference) and answers of real servers,
such as ``{"jsonrpc":"2.0","error":{"code":1,"message":"SESSION_AUTHENTICATION_FAILED","data":[...]},"id":1}``.
"""

from __future__ import annotations

import json
import time
import uuid
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PASSWORD = "the pool's own password"


class Fails(Exception):
    """An error of the XenAPI: the code, then its parameters."""

    def __init__(self, *description: str) -> None:
        super().__init__(*description)
        self.description = list(description)


class HangsUp(Exception):
    """The connection ends without an answer, as by a power cut."""


@dataclass
class Member:
    """A host of a pool, as the pool's database stores it."""

    name: str
    address: str
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: str = "8.3.0"
    build: str = "25.6.0"
    enabled: bool = True
    reference: str = field(default_factory=lambda: f"OpaqueRef:{uuid.uuid4()}")

    def record(self) -> dict[str, Any]:
        """Return some of the fields of a real record."""
        software = {"product_brand": "double", "product_version": self.version, "xapi_build": self.build, "xapi": "25.6"}
        return {
            "uuid": self.uuid,
            "name_label": self.name,
            "name_description": "",
            "hostname": self.name,
            "address": self.address,
            "enabled": self.enabled,
            "API_version_major": "2",
            "API_version_minor": "21",
            "software_version": software,
            "other_config": {},
            "resident_VMs": [],
        }


@dataclass
class Database:
    """The database of a pool, which its master holds.

    :param created: number of host records that joins made.
    """

    members: list[Member]
    name: str = ""
    master: Member | None = None
    reference: str = field(default_factory=lambda: f"OpaqueRef:{uuid.uuid4()}")
    created: int = 0

    def pool(self) -> dict[str, Any]:
        """Return the pool's record."""
        master = self.master or self.members[0]
        return {"uuid": str(uuid.UUID(int=1)), "name_label": self.name, "master": master.reference, "ha_enabled": False}


@dataclass
class Double:
    """The xapi of one host: a master, or a member of the pool of the master ``slave_of``.

    :param others: all doubles by their addresses, for a join.
    :param refuse: errors by method, each returned once.
    :param hang_up: methods at which the connection ends once: ``{"pool.join": "before"}`` its work, ``"after"`` it, or
        ``"recorded"`` (the master has recorded the host, which does not know it yet).
    :param formats: the supported wire formats.
    :param clock: seconds that its clock is ahead.
    """

    me: Member
    database: Database
    others: dict[str, Double] = field(default_factory=dict)
    password: str = PASSWORD
    slave_of: str = ""
    refuse: dict[str, list[list[str]]] = field(default_factory=dict)
    hang_up: dict[str, str] = field(default_factory=dict)
    formats: tuple[str, ...] = ("xml", "json")
    clock: float = 0.0
    calls: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)

    def answer(self, path: str, body: bytes, *, local: bool = False) -> tuple[int, str, bytes]:
        """Return HTTP status, content type and body of the answer to a request.

        :param local: the request came through the Unix socket, where root needs no password.
        :raises HangsUp: when ``hang_up`` names the method.
        """
        if path == "/jsonrpc" and "json" in self.formats:
            return self._json(body, local)
        if path in ("/", "/RPC2") and "xml" in self.formats:
            return self._xml(body, local)
        return 404, "text/html", b"<html><body><h1>HTTP 404 not found</h1></body></html>"

    def _xml(self, body: bytes, local: bool) -> tuple[int, str, bytes]:
        try:
            parameters, method = xmlrpc.client.loads(body)
        except Exception as error:
            return 500, "text/html", f"<html><body>Xmlrpc.Parse_error {error}</body></html>".encode()
        try:
            value: Any = {"Status": "Success", "Value": self._run(str(method), parameters, local)}
        except Fails as fails:
            value = {"Status": "Failure", "ErrorDescription": fails.description}
        return 200, "text/xml", xmlrpc.client.dumps((value,), methodresponse=True).encode()

    def _json(self, body: bytes, local: bool) -> tuple[int, str, bytes]:
        try:
            question = json.loads(body)
            method, parameters, number = question["method"], question["params"], question["id"]
        except (ValueError, KeyError, TypeError) as error:
            return 500, "text/html", f"<html><body>Jsonrpc {error}</body></html>".encode()
        value: dict[str, Any] = {"jsonrpc": "2.0", "id": number}
        try:
            result = self._run(str(method), parameters, local)
            value["result"] = str(result) if isinstance(result, xmlrpc.client.DateTime) else result
        except Fails as fails:
            code, *data = fails.description
            value["error"] = {"code": 1, "message": code, "data": data}
        return 200, "application/json", json.dumps(value).encode()

    def _run(self, method: str, parameters: Sequence[Any], local: bool) -> Any:
        self.calls.append(method)
        if waiting := self.refuse.get(method):
            raise Fails(*waiting.pop(0))
        if self.hang_up.get(method) == "before":
            del self.hang_up[method]
            raise HangsUp
        value = self._login(parameters, local) if method == "session.login_with_password" else self._call(method, parameters)
        if self.hang_up.get(method) == "after":
            del self.hang_up[method]
            raise HangsUp
        return value

    def _login(self, parameters: Sequence[Any], local: bool) -> str:
        if not 2 <= len(parameters) <= 4:
            raise Fails("MESSAGE_PARAMETER_COUNT_MISMATCH", "session.login_with_password", "4", str(len(parameters)))
        if self.slave_of:
            raise Fails("HOST_IS_SLAVE", self.slave_of)
        if not local and list(parameters[:2]) != ["root", self.password]:
            raise Fails("SESSION_AUTHENTICATION_FAILED", str(parameters[0]), "Authentication failure")
        handle = f"OpaqueRef:{uuid.uuid4()}"
        self.sessions.add(handle)
        return handle

    def _call(self, method: str, parameters: Sequence[Any]) -> Any:
        if not parameters or parameters[0] not in self.sessions:
            raise Fails("SESSION_INVALID", str(parameters[0]) if parameters else "")
        known = {
            "session.logout": self._logout,
            "pool.get_all": lambda session: [self.database.reference],
            "pool.get_all_records": lambda session: {self.database.reference: self.database.pool()},
            "pool.get_master": lambda session, pool: self.database.pool()["master"],
            "pool.set_name_label": self._rename,
            "pool.join": self._join,
            "pool.eject": self._eject,
            "host.get_all": lambda session: [member.reference for member in self.database.members],
            "host.get_all_records": lambda session: {m.reference: m.record() for m in self.database.members},
            "host.get_by_uuid": self._by_uuid,
            "host.get_API_version_major": lambda session, host: "2",
            "host.get_API_version_minor": lambda session, host: "21",
            "host.get_servertime": self._time,
        }
        function = known.get(method)
        if function is None:
            raise Fails("MESSAGE_METHOD_UNKNOWN", method)
        try:
            return function(*parameters)  # type: ignore[operator]
        except TypeError:
            raise Fails("MESSAGE_PARAMETER_COUNT_MISMATCH", method, "?", str(len(parameters))) from None

    def _logout(self, session: str) -> str:
        self.sessions.discard(session)
        return ""

    def _rename(self, session: str, pool: str, name: str) -> str:
        if pool != self.database.reference:
            raise Fails("HANDLE_INVALID", "pool", pool)
        self.database.name = name
        return ""

    def _by_uuid(self, session: str, wanted: str) -> str:
        for member in self.database.members:
            if member.uuid == wanted:
                return member.reference
        raise Fails("UUID_INVALID", "host", wanted)

    def _time(self, session: str, host: str) -> xmlrpc.client.DateTime:
        return xmlrpc.client.DateTime(time.strftime("%Y%m%dT%H:%M:%SZ", time.gmtime(time.time() + self.clock)))

    def _join(self, session: str, address: str, user: str, password: str) -> str:
        """Join as xapi does: check both sides, let the master find or make the host's record, then become a member."""
        if len(self.database.members) != 1:
            raise Fails("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS")
        master = self.others.get(address)
        if master is None:
            raise Fails("JOINING_HOST_CONNECTION_FAILED")
        handle = master._login([user, password], local=False)
        master._logout(handle)
        if master.me.version != self.me.version:
            raise Fails("POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION")
        members = master.database.members
        if self.me.uuid not in [member.uuid for member in members]:
            members.append(self.me)
            master.database.created += 1
        if self.hang_up.get("pool.join") == "recorded":
            del self.hang_up["pool.join"]
            raise HangsUp
        self.slave_of = address
        self.sessions.clear()
        return ""

    def _eject(self, session: str, host: str) -> str:
        for member in self.database.members[1:]:
            if member.reference == host:
                self.database.members.remove(member)
                for other in self.others.values():
                    if other.me is member:
                        other.slave_of, other.database = "", Database([member])
                return ""
        raise Fails("HANDLE_INVALID", "host", host)


def pool_of(*members: Member, name: str = "dc1") -> tuple[Database, dict[str, Double]]:
    """Return the database of a pool whose first member is the master, and the doubles of its hosts by address."""
    database = Database(list(members), name)
    doubles: dict[str, Double] = {}
    for member in members:
        slave_of = "" if member is members[0] else members[0].address
        doubles[member.address] = Double(member, database, doubles, slave_of=slave_of)
    return database, doubles


def alone(member: Member, others: dict[str, Double]) -> Double:
    """Return the double of a host that is in no pool yet, and add it to the others."""
    double = Double(member, Database([member]), others)
    others[member.address] = double
    return double
