"""The toolstack xapi: pools of XCP, XenServer, XCP-ng or Kronos over the XenAPI.

The toolstack itself comes from the apt repository that the operator's recipe names.
"""

from pool.xapi.driver import Xapi
from pool.xapi.errors import PoolRefused
from pool.xapi.pool_checks import preflight

__all__ = ["PoolRefused", "Xapi", "preflight"]
