"""The table of refusal codes."""

from __future__ import annotations

from typing import get_args

from pool.join.messages import JoinRefused, problem_from_json
from pool.refusals import POOL_REFUSALS, Code, codes
from pool.xapi.error_codes import MEANINGS


def test_every_code_is_in_the_table_once() -> None:
    assert sorted(reason.code for reason in POOL_REFUSALS) == sorted(get_args(Code))
    assert {meaning.code for meaning in MEANINGS.values()} <= set(get_args(Code))


def test_every_reason_has_a_sentence_and_a_hint() -> None:
    for reason in POOL_REFUSALS:
        assert reason.meaning.endswith("."), reason
        assert reason.hint.endswith("."), reason


def test_codes_by_retry() -> None:
    assert codes("wait") == ("unreachable", "busy", "moved")
    assert codes("never") == ("pin", "token", "expired", "used-up", "wrong-host", "denied", "version")


def test_the_error_shows_the_code() -> None:
    error = JoinRefused(problem_from_json({"code": "expired", "text": "the join token abc expired"}))
    assert error.message == "the join token abc expired [pool-expired]"
