"""The XenAPI's errors in words, each with what can be done.

Codes and their parameters: ``api_errors.ml`` of xapi (github.com/xapi-project/xen-api).
"""

from __future__ import annotations

from dataclasses import dataclass

from dom0kit.errors import UserError
from pool.driver import Code, Problem
from pool.xapi.rpc_codec import Refusal


@dataclass(frozen=True)
class Meaning:
    """What an error means.

    :param text: a sentence; ``{0}`` is the error's first parameter, and so on.
    :param lasting: the same try would fail again until somebody has done something.
    """

    code: Code
    text: str
    hint: str = ""
    lasting: bool = True


class PoolRefused(UserError):
    """The pool does not do what was asked; ``problem`` says it for programs.

    :param lasting: another try is useless until somebody has done something.
    """

    def __init__(self, problem: Problem, *, lasting: bool) -> None:
        super().__init__(problem.text, problem.hint)
        self.problem = problem
        self.lasting = lasting


SAME_VERSION = "install the version that the pool has: build the image from the same repository, or update the pool first"
WAIT = "it is tried again; look at the tasks of the pool: xe task-list"
ALONE = "join a freshly installed host"

MEANINGS = {
    "SESSION_AUTHENTICATION_FAILED": Meaning(
        "token", "the pool does not know this user with this password", "correct user and password under pool.join"
    ),
    "SESSION_INVALID": Meaning("busy", "the session has ended: the pool's xapi was started anew", WAIT, lasting=False),
    "RBAC_PERMISSION_DENIED": Meaning(
        "token", "the user under pool.join may not do this: {0}", "the role pool-operator is needed; root has it"
    ),
    "HOST_IS_SLAVE": Meaning("moved", "this is a member of the pool; its master is {0}", "name the master under pool.join"),
    "HOST_STILL_BOOTING": Meaning("busy", "xapi there is still starting", WAIT, lasting=False),
    "HOST_OFFLINE": Meaning("busy", "a host of the pool is offline", "start it, or take it out of the pool", lasting=False),
    "HOST_NOT_LIVE": Meaning("busy", "a host of the pool does not answer", "start it, or take it out of the pool", lasting=False),
    "HOST_DISABLED": Meaning("busy", "the host is disabled, as for maintenance", "xe host-enable, on that host", lasting=False),
    "HOST_HAS_NO_MANAGEMENT_IP": Meaning(
        "address", "the host has no management address", "give it a fixed one: network.management", lasting=False
    ),
    "HOST_MASTER_CANNOT_TALK_BACK": Meaning(
        "address", "the master cannot reach this host at {0}", "look at routes and firewalls between them", lasting=False
    ),
    "HOST_UNKNOWN_TO_MASTER": Meaning("name", "the pool's database does not know the host {0}", "take it out, and join it again"),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION": Meaning(
        "version", "host and pool have different product versions", SAME_VERSION
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION": Meaning(
        "version", "host and pool have different versions of the API: {0} and {1}", SAME_VERSION
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA": Meaning(
        "version", "host and pool have different versions of the database: {0} and {1}", SAME_VERSION
    ),
    "POOL_JOINING_SM_FEATURES_INCOMPATIBLE": Meaning("version", "storage drivers of host and pool differ", SAME_VERSION),
    "HOSTS_NOT_HOMOGENEOUS": Meaning("refused", "host and pool differ: {0}", "a pool needs processors of the same vendor"),
    "HOSTS_NOT_COMPATIBLE": Meaning("version", "host and pool do not fit together", SAME_VERSION),
    "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS": Meaning(
        "refused", "this host has shared storage of its own", "forget it first: xe sr-list shared=true; xe sr-forget"
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS": Meaning(
        "refused", "guests run on this host, or are suspended", "shut them down first"
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_VMS": Meaning("refused", "guests run on this host", "shut them down first"),
    "JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS": Meaning(
        "busy", "something is under way with a guest on this host", WAIT, lasting=False
    ),
    "JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS": Meaning(
        "refused", "this host is the master of other hosts", "take those out of its pool first: xe pool-eject"
    ),
    "JOINING_HOST_CONNECTION_FAILED": Meaning(
        "unreachable", "this host's xapi cannot connect to the master", "look at routes and firewalls between them", lasting=False
    ),
    "JOINING_HOST_SERVICE_FAILED": Meaning(
        "unreachable", "the master does not answer this host's xapi as it should", "systemctl status xapi, there", lasting=False
    ),
    "POOL_JOINING_EXTERNAL_AUTH_MISMATCH": Meaning(
        "refused", "the pool uses a directory for log-ins and this host does not", "xe pool-enable-external-auth, on this host"
    ),
    "POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC": Meaning(
        "refused", "the management network is on a bond or VLAN", "put it on a network card; the pool makes bond and VLAN"
    ),
    "POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS": Meaning(
        "refused", "this host has bonds, VLANs or tunnels", "take them away; the pool makes its own on each host"
    ),
    "POOL_JOINING_HOST_HAS_BONDS": Meaning("refused", "this host has bonds", "take them away; the pool makes its own"),
    "POOL_JOINING_HOST_HAS_TUNNELS": Meaning("refused", "this host has tunnels", "take them away; the pool makes its own"),
    "POOL_JOINING_HOST_HAS_NETWORK_SRIOVS": Meaning("refused", "this host has SR-IOV networks", "take them away"),
    "POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS": Meaning(
        "refused", "this host has VLANs beside that of management", "take them away; the pool makes its own"
    ),
    "POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH": Meaning(
        "address", "host and pool have management networks in different VLANs: {0} and {1}", "correct network.management.vlan"
    ),
    "POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH": Meaning(
        "pin", "one of host and pool checks certificates, the other does not", "xe pool-enable-tls-verification, where it is off"
    ),
    "POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT": Meaning(
        "pin", "host and pool have different CA certificates of the same name", "xe pool-uninstall-ca-certificate, on this host"
    ),
    "HA_IS_ENABLED": Meaning("busy", "high availability is on: the pool takes no hosts", "switch it off while hosts join"),
    "LICENCE_RESTRICTION": Meaning("refused", "the pool's licence does not allow it: {0}", "look at the pool's licence"),
    "OPERATION_NOT_ALLOWED": Meaning("refused", "the pool does not allow it: {0}"),
    "OTHER_OPERATION_IN_PROGRESS": Meaning("busy", "another operation is under way in the pool", WAIT, lasting=False),
    "NOT_IN_EMERGENCY_MODE": Meaning("busy", "the pool's state has changed meanwhile", WAIT, lasting=False),
    "MESSAGE_METHOD_UNKNOWN": Meaning("toolstack", "the xapi there does not know {0}", SAME_VERSION),
}
"""By code. What is not here is said as the server says it."""


def explain(refusal: Refusal) -> Problem:
    """An error in words."""
    meaning = MEANINGS.get(refusal.code)
    if meaning is None:
        return Problem("refused", f"xapi says {refusal}", "xensource.log on the master has more")
    parameters = [*refusal.parameters, *["?"] * 3]
    return Problem(meaning.code, meaning.text.format(*parameters), meaning.hint)


def refused(refusal: Refusal) -> PoolRefused:
    """An error as an exception; one that nobody knows may pass by itself."""
    meaning = MEANINGS.get(refusal.code)
    return PoolRefused(explain(refusal), lasting=meaning is not None and meaning.lasting)
