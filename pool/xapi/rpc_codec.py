"""The two wire formats of the XenAPI as pure functions.

Source: "Wire Protocol for Remote API Calls" in XenServer's developer documentation. Integers are
strings of digits, references and enumerations are strings, maps with keys of other types have
strings for keys. Times are ISO 8601 in the basic form, ``20261120T16:42:10Z``; both formats return
them as strings.
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
from dom0kit.untrusted.values import read_json


class XenApiError(Exception):
    """An error that the server reports: a code such as ``HOST_IS_SLAVE`` and its parameters."""

    def __init__(self, code: str, parameters: Sequence[str] = ()) -> None:
        super().__init__(" ".join([code, *parameters]))
        self.code = code
        self.parameters = tuple(parameters)


class WireFormatError(UserError):
    """The reply is not valid in this wire format."""


@dataclass(frozen=True)
class Wire:
    """A wire format.

    :param path: where the server accepts it.
    :param call: encodes a method and its parameters as a request's body.
    :param answer: decodes the value in a reply's body.
    """

    name: str
    path: str
    content_type: str
    call: Callable[[str, Sequence[Any]], bytes]
    answer: Callable[[bytes], Any]


def xml_call(method: str, parameters: Sequence[Any]) -> bytes:
    """Encode a request in XML-RPC."""
    return xmlrpc.client.dumps(tuple(parameters), method, encoding="utf-8").encode()


def xml_answer(body: bytes) -> Any:
    """Decode a reply in XML-RPC: a structure with ``Status`` and ``Value`` or ``ErrorDescription``.

    :raises XenApiError: when the server reports an error.
    :raises WireFormatError: when the body is not a reply.
    """
    try:
        values, _ = xmlrpc.client.loads(body)
    except xmlrpc.client.Fault as fault:
        raise XenApiError("FAULT", [str(fault.faultCode), str(fault.faultString)]) from None
    except (ExpatError, xmlrpc.client.Error, ValueError, LookupError, TypeError) as error:
        raise WireFormatError(f"not XML-RPC: {error}") from error
    try:
        answer = _plain(values[0]) if len(values) == 1 else None
    except RecursionError as error:
        raise WireFormatError("the reply is nested too deeply") from error
    if not isinstance(answer, dict) or "Status" not in answer:
        raise WireFormatError("the reply has no Status")
    if answer["Status"] == "Success":
        return answer.get("Value", "")
    raise _api_error(answer.get("ErrorDescription"))


def _plain(value: Any) -> Any:
    """Replace xmlrpc's types by Python's.

    Its time parser does not accept the Z that the XenAPI writes.
    """
    if isinstance(value, xmlrpc.client.DateTime):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value


def json_call(method: str, parameters: Sequence[Any]) -> bytes:
    """Encode a request in JSON-RPC 2.0."""
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}).encode()


def json_answer(body: bytes) -> Any:
    """Decode a reply in JSON-RPC 2.0.

    An error has its code in ``message`` and its parameters in ``data``.

    :raises XenApiError: when the server reports an error.
    :raises WireFormatError: when the body is not a reply.
    """
    try:
        answer = read_json(body)
    except ValueError as error:
        raise WireFormatError(f"not JSON: {error}") from error
    if isinstance(answer, dict) and isinstance(answer.get("error"), dict):
        data = answer["error"].get("data")
        raise _api_error([answer["error"].get("message"), *(data if isinstance(data, list) else [])])
    if not isinstance(answer, dict) or "result" not in answer:
        raise WireFormatError("the reply has neither result nor error")
    return answer["result"]


def _api_error(description: Any) -> XenApiError:
    if not isinstance(description, list) or not description:
        return XenApiError("INTERNAL_ERROR", ["an error without description"])
    code, *parameters = (str(part) for part in description)
    return XenApiError(code, parameters)


XML = Wire("XML-RPC", "/", "text/xml", xml_call, xml_answer)
JSON = Wire("JSON-RPC", "/jsonrpc", "application/json", json_call, json_answer)
WIRES = (XML, JSON)
"""In the order in which they are tried: every version supports the first."""


def seconds(text: str) -> float:
    """Parse a time of the XenAPI, with or without dashes; UTC.

    :returns: seconds since 1970.
    :raises WireFormatError: when it is not a time.
    """
    plain = text.replace("-", "").removesuffix("Z").partition(".")[0]
    try:
        return datetime.strptime(plain, "%Y%m%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise WireFormatError(f"{text!r} is not a time") from None
