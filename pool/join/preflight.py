"""Ask the pool of the answers to pre-approve a host.

Used by the installer, its screens and first boot.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.client import PoolClient
from pool.join.token import read_token

if TYPE_CHECKING:
    from answerfiles.model import Pool


def ask_pool(pool: Pool, host: JoiningHost) -> PoolAnswer:
    """Ask the pool whether it would accept the host; change nothing on either side.

    It takes a few seconds, and up to two minutes for each address of a pool that is down.

    :param pool: with secrets in place of references to them.
    :returns: an empty, accepting answer when the host joins no pool.
    """
    if pool.join is None:
        return PoolAnswer()
    if pool.toolstack == "xapi":
        return _xapi(pool.join, host)
    try:
        assert pool.join.token is not None
        token = read_token(pool.join.token.reveal())
    except UserError as error:
        return PoolAnswer(problems=(Problem("token", error.message, error.hint),))
    try:
        with PoolClient(token) as conversation:
            return conversation.ask(host)
    except UserError as error:
        return PoolAnswer(problems=(Problem("refused", error.message, error.hint),))


def describe_request(pool: Pool) -> str:
    """Return what :func:`ask_pool` will do as a phrase without secrets.

    Empty when the host joins no pool.
    """
    if pool.join is None:
        return ""
    if pool.toolstack == "xapi":
        return f"ask the pool's master at {pool.join.address} whether it accepts this host"
    assert pool.join.token is not None
    try:
        token = read_token(pool.join.token.reveal())
    except UserError as error:
        return f"the pool cannot be asked: {error.message}"
    return f"ask the pool at {', '.join(token.addresses)} with the {token} whether it accepts this host"


def _xapi(join: Any, host: JoiningHost) -> PoolAnswer:
    # Not every image contains the toolstack that the module belongs to.
    if importlib.util.find_spec("pool.xapi") is None:
        text = "this image cannot join an xapi pool"
        return PoolAnswer(problems=(Problem("toolstack", text, "install with an image that has the toolstack xapi"),))
    module: Any = importlib.import_module("pool.xapi")
    answer: PoolAnswer = module.preflight(join, host)
    return answer
