"""Ask the pool of the answers whether it would take a host: one function for the installer, its screens and first boot."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from pool.driver import Joiner, PoolAnswer, Problem
from pool.join.client import Conversation
from pool.join.token import read_token

if TYPE_CHECKING:
    from answerfiles.model import Pool


def ask_pool(pool: Pool, joiner: Joiner) -> PoolAnswer:
    """Ask; takes some seconds, and up to two minutes for each address of a pool that is not there. Changes nothing anywhere.

    :param pool: with secrets in place of references to them.
    :returns: an empty answer, which is a welcome, when there is no pool to join.
    """
    if pool.join is None:
        return PoolAnswer()
    if pool.toolstack == "xapi":
        return _xapi(pool.join, joiner)
    try:
        assert pool.join.token is not None
        token = read_token(pool.join.token.reveal())
    except UserError as error:
        return PoolAnswer(problems=(Problem("token", error.message, error.hint),))
    try:
        with Conversation(token) as conversation:
            return conversation.ask(joiner)
    except UserError as error:
        return PoolAnswer(problems=(Problem("refused", error.message, error.hint),))


def question(pool: Pool) -> str:
    """What will be asked, in words without secrets; empty when there is no pool to join."""
    if pool.join is None:
        return ""
    if pool.toolstack == "xapi":
        return f"ask the pool's master at {pool.join.address} whether it takes this host"
    assert pool.join.token is not None
    try:
        token = read_token(pool.join.token.reveal())
    except UserError as error:
        return f"the pool cannot be asked: {error.message}"
    return f"ask the pool at {', '.join(token.addresses)} with the {token} whether it takes this host"


def _xapi(join: Any, joiner: Joiner) -> PoolAnswer:
    # The module belongs to a toolstack that not every image has.
    if importlib.util.find_spec("pool.xapi") is None:
        text = "this image cannot join a pool of XAPI's"
        return PoolAnswer(problems=(Problem("toolstack", text, "install with an image that has the toolstack xapi"),))
    module: Any = importlib.import_module("pool.xapi")
    answer: PoolAnswer = module.preflight(join, joiner)
    return answer
