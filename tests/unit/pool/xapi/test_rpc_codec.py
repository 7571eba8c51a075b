"""The wire formats of the XenAPI, against bytes as real servers and the official bindings write them."""

from __future__ import annotations

import json
import xmlrpc.client

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pool.refusals import Code
from pool.xapi.error_codes import MEANINGS
from pool.xapi.errors import problem_of, to_exception
from pool.xapi.rpc_codec import JSON, WIRES, XML, WireFormatError, XenApiError, seconds

SUCCESS = b"""<?xml version="1.0"?><methodResponse><params><param><value><struct>
<member><name>Status</name><value>Success</value></member>
<member><name>Value</name><value><struct>
  <member><name>OpaqueRef:1</name><value><struct>
    <member><name>enabled</name><value><boolean>1</boolean></value></member>
    <member><name>time</name><value><dateTime.iso8601>20261120T16:42:10Z</dateTime.iso8601></value></member>
    <member><name>names</name><value><array><data><value>a</value></data></array></value></member>
  </struct></value></member>
</struct></value></member></struct></value></param></params></methodResponse>"""
FAILURE = b"""<?xml version="1.0"?><methodResponse><params><param><value><struct>
<member><name>Status</name><value>Failure</value></member>
<member><name>ErrorDescription</name><value><array><data><value>HOST_IS_SLAVE</value><value>10.0.0.2</value></data></array></value>
</member></struct></value></param></params></methodResponse>"""
JSON_FAILURE = (
    b'{"jsonrpc":"2.0","error":{"code":1,"message":"SESSION_AUTHENTICATION_FAILED",'
    b'"data":["root","Authentication failure"]},"id":1}'
)


def test_xml() -> None:
    assert xmlrpc.client.loads(XML.call("pool.join", ["s", "10.0.0.2", "röot", "p<&"])) == (
        ("s", "10.0.0.2", "röot", "p<&"),
        "pool.join",
    )
    assert XML.answer(SUCCESS) == {"OpaqueRef:1": {"enabled": True, "time": "20261120T16:42:10Z", "names": ["a"]}}
    with pytest.raises(XenApiError) as caught:
        XML.answer(FAILURE)
    assert (caught.value.code, caught.value.parameters) == ("HOST_IS_SLAVE", ("10.0.0.2",))


def test_a_fault_of_xml_rpc_is_a_refusal() -> None:
    body = xmlrpc.client.dumps(xmlrpc.client.Fault(1, "broken"), methodresponse=True).encode()
    with pytest.raises(XenApiError, match="FAULT 1 broken"):
        XML.answer(body)


def test_json() -> None:
    assert json.loads(JSON.call("session.logout", ["s"])) == {
        "jsonrpc": "2.0",
        "method": "session.logout",
        "params": ["s"],
        "id": 1,
    }
    assert JSON.answer(b'{"jsonrpc":"2.0","result":{"a":["b"]},"id":1}') == {"a": ["b"]}
    with pytest.raises(XenApiError, match="SESSION_AUTHENTICATION_FAILED root Authentication failure"):
        JSON.answer(JSON_FAILURE)


@given(st.binary(max_size=200) | st.sampled_from([SUCCESS, FAILURE, JSON_FAILURE]).map(lambda body: body[: len(body) // 2]))
def test_garbage_is_told_apart(body: bytes) -> None:
    for wire in WIRES:
        with pytest.raises((WireFormatError, XenApiError)):
            wire.answer(body)


@pytest.mark.parametrize("text", ["20261120T16:42:10Z", "2026-11-20T16:42:10Z", "20261120T16:42:10", "20261120T16:42:10.123Z"])
def test_times(text: str) -> None:
    assert seconds(text) == 1795192930


def test_no_time() -> None:
    with pytest.raises(WireFormatError, match="'soon' is not a time"):
        seconds("soon")


@pytest.mark.parametrize("code", MEANINGS)
def test_every_error_has_a_sentence_with_and_without_parameters(code: str) -> None:
    for parameters in ([], ["one", "two"]):
        problem = problem_of(XenApiError(code, parameters))
        assert problem.code in Code.__args__  # type: ignore[attr-defined]
        assert problem.text
        assert "{" not in problem.text
        assert problem.hint or code == "OPERATION_NOT_ALLOWED"


def test_an_unknown_error_is_said_as_it_is_and_tried_again() -> None:
    error = to_exception(XenApiError("SOMETHING_NEW", ["here"]))
    assert error.message == "xapi reports SOMETHING_NEW here [pool-refused]"
    assert not error.permanent
    assert to_exception(XenApiError("SESSION_AUTHENTICATION_FAILED")).permanent
    assert not to_exception(XenApiError("HOST_STILL_BOOTING")).permanent
