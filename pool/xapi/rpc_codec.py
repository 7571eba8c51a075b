"""The two wire formats of the XenAPI as pure functions: a method and its parameters to bytes, bytes to a value.

Facts: "Wire Protocol for Remote API Calls" in XenServer's developer documentation. Integers are strings of digits, references and
enumerations are strings, maps with keys of other types have strings for keys. Times are ISO 8601 in their basic form,
``20261120T16:42:10Z``; both formats give them here as strings.
"""

from __future__ import annotations

import json
import xmlrpc.client
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from xml.parsers.expat import ExpatError

from dom0kit.errors import UserError


class Refusal(Exception):
    """The server's own error: a code such as ``HOST_IS_SLAVE`` and its parameters."""

    def __init__(self, code: str, parameters: Sequence[str] = ()) -> None:
        super().__init__(" ".join([code, *parameters]))
        self.code = code
        self.parameters = tuple(parameters)


class NotThisFormat(UserError):
    """What came back is no answer in this wire format."""


@dataclass(frozen=True)
class Wire:
    """A wire format.

    :param path: where the server takes it.
    :param call: makes a request's body of a method and its parameters.
    :param answer: the value in an answer's body.
    """

    name: str
    path: str
    content_type: str
    call: Callable[[str, Sequence[Any]], bytes]
    answer: Callable[[bytes], Any]


def xml_call(method: str, parameters: Sequence[Any]) -> bytes:
    """A request in XML-RPC."""
    return xmlrpc.client.dumps(tuple(parameters), method, encoding="utf-8").encode()


def xml_answer(body: bytes) -> Any:
    """The value in an answer in XML-RPC: a structure with ``Status`` and ``Value`` or ``ErrorDescription``.

    :raises Refusal: when the server reports an error of its own.
    :raises NotThisFormat: for anything else than an answer.
    """
    try:
        values, _ = xmlrpc.client.loads(body)
    except xmlrpc.client.Fault as fault:
        raise Refusal("FAULT", [str(fault.faultCode), str(fault.faultString)]) from None
    except (ExpatError, xmlrpc.client.Error, ValueError, LookupError, TypeError) as error:
        raise NotThisFormat(f"no XML-RPC: {error}") from error
    answer = _plain(values[0]) if len(values) == 1 else None
    if not isinstance(answer, dict) or "Status" not in answer:
        raise NotThisFormat("no Status in the answer")
    if answer["Status"] == "Success":
        return answer.get("Value", "")
    raise _refusal(answer.get("ErrorDescription"))


def _plain(value: Any) -> Any:
    """Python's own types in place of xmlrpc's; its parser of times does not know the Z that the XenAPI writes."""
    if isinstance(value, xmlrpc.client.DateTime):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def json_call(method: str, parameters: Sequence[Any]) -> bytes:
    """A request in JSON-RPC 2.0."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}).encode()


def json_answer(body: bytes) -> Any:
    """The value in an answer in JSON-RPC 2.0; of an error ``message`` is the code and ``data`` its parameters.

    :raises Refusal: when the server reports an error of its own.
    :raises NotThisFormat: for anything else than an answer.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotThisFormat(f"no JSON: {error}") from error
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        data = answer["error"].get("data")
        raise _refusal([answer["error"].get("message"), *(data if isinstance(data, list) else [])])
    if not isinstance(answer, dict) or "result" not in answer:
        raise NotThisFormat("neither result nor error in the answer")
    return answer["result"]


def _refusal(description: Any) -> Refusal:
    if not isinstance(description, list) or not description:
        return Refusal("INTERNAL_ERROR", ["an error without description"])
    code, *parameters = (str(part) for part in description)
    return Refusal(code, parameters)


XML = Wire("XML-RPC", "/", "text/xml", xml_call, xml_answer)
JSON = Wire("JSON-RPC", "/jsonrpc", "application/json", json_call, json_answer)
WIRES = (XML, JSON)
"""In the order in which they are tried: every version speaks the first."""


def seconds(text: str) -> float:
    """Seconds since 1970 of a time as the XenAPI writes it, with or without dashes; UTC.

    :raises NotThisFormat: for anything else.
    """
    plain = text.replace("-", "").removesuffix("Z").partition(".")[0]
    try:
        return datetime.strptime(plain, "%Y%m%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise NotThisFormat(f"{text!r} is no time") from None
