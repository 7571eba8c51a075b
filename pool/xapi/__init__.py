"""The toolstack xapi: a pool of XCP, XenServer, XCP-ng or Kronos, spoken to by the XenAPI.

Nothing of the toolstack itself is here; it comes from the apt repository that the operator's recipe names.
"""

from pool.xapi.driver import Xapi
from pool.xapi.errors import PoolRefused
from pool.xapi.pool_checks import preflight

__all__ = ["PoolRefused", "Xapi", "preflight"]
