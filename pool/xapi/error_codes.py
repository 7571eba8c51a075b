"""The XenAPI's error codes as a table: refusal code, meaning, hint. Pure data.

Codes and their parameters: ``api_errors.ml`` of xapi (github.com/xapi-project/xen-api).
"""

from __future__ import annotations

from dataclasses import dataclass

from pool.refusals import Code


@dataclass(frozen=True)
class Meaning:
    """The meaning of an error code.

    :param code: of :data:`pool.refusals.POOL_REFUSALS`.
    :param text: a sentence; ``{0}`` is the error's first parameter, and so on.
    :param hint: what to do.
    :param permanent: a retry fails again until an administrator has fixed the cause.
    """

    code: Code
    text: str
    hint: str = ""
    permanent: bool = True


SAME_VERSION = "install the pool's version: build the image from the same repository, or update the pool first"
WAIT = "wait for the automatic retry; check the pool's tasks: xe task-list"

MEANINGS = {
    "SESSION_AUTHENTICATION_FAILED": Meaning(
        "token", "the pool does not accept this user and password", "correct user and password under pool.join"
    ),
    "SESSION_INVALID": Meaning("busy", "the session has ended: the pool's xapi was restarted", WAIT, permanent=False),
    "RBAC_PERMISSION_DENIED": Meaning(
        "token", "the user under pool.join lacks the permission {0}", "give it the role pool-operator, or use root"
    ),
    "HOST_IS_SLAVE": Meaning("moved", "the host is a pool member; its master is {0}", "set pool.join.address to the master"),
    "HOST_STILL_BOOTING": Meaning("busy", "xapi on the master is still starting", WAIT, permanent=False),
    "HOST_OFFLINE": Meaning("busy", "a host of the pool is offline", "start it, or remove it from the pool", permanent=False),
    "HOST_NOT_LIVE": Meaning(
        "busy", "a host of the pool does not answer", "start it, or remove it from the pool", permanent=False
    ),
    "HOST_DISABLED": Meaning(
        "busy", "the host is disabled, for example for maintenance", "enable it: xe host-enable", permanent=False
    ),
    "HOST_HAS_NO_MANAGEMENT_IP": Meaning(
        "address", "the host has no management address", "set a static one under network.management", permanent=False
    ),
    "HOST_MASTER_CANNOT_TALK_BACK": Meaning(
        "address", "the master cannot reach this host at {0}", "check routes and firewalls between them", permanent=False
    ),
    "HOST_UNKNOWN_TO_MASTER": Meaning("name", "the pool's database does not have the host {0}", "remove it, and join it again"),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_PRODUCT_VERSION": Meaning(
        "version", "host and pool have different product versions", SAME_VERSION
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION": Meaning(
        "version", "host and pool have different API versions: {0} and {1}", SAME_VERSION
    ),
    "POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA": Meaning(
        "version", "host and pool have different database versions: {0} and {1}", SAME_VERSION
    ),
    "POOL_JOINING_SM_FEATURES_INCOMPATIBLE": Meaning("version", "storage drivers of host and pool differ", SAME_VERSION),
    "HOSTS_NOT_HOMOGENEOUS": Meaning("refused", "host and pool differ: {0}", "use a host with CPUs of the pool's vendor"),
    "HOSTS_NOT_COMPATIBLE": Meaning("version", "host and pool are not compatible", SAME_VERSION),
    "JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS": Meaning(
        "refused", "this host has shared storage of its own", "forget it first: xe sr-list shared=true; xe sr-forget"
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_OR_SUSPENDED_VMS": Meaning(
        "refused", "this host has running or suspended guests", "shut them down first"
    ),
    "JOINING_HOST_CANNOT_HAVE_RUNNING_VMS": Meaning("refused", "this host has running guests", "shut them down first"),
    "JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS": Meaning(
        "busy", "an operation on a guest of this host is in progress", WAIT, permanent=False
    ),
    "JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS": Meaning(
        "refused", "this host is the master of other hosts", "remove those from its pool first: xe pool-eject"
    ),
    "JOINING_HOST_CONNECTION_FAILED": Meaning(
        "unreachable", "this host's xapi cannot connect to the master", "check routes and firewalls between them", permanent=False
    ),
    "JOINING_HOST_SERVICE_FAILED": Meaning(
        "unreachable",
        "the master does not answer this host's xapi correctly",
        "check on the master: systemctl status xapi",
        permanent=False,
    ),
    "POOL_JOINING_EXTERNAL_AUTH_MISMATCH": Meaning(
        "refused", "the pool uses external authentication and this host does not", "run xe pool-enable-external-auth on this host"
    ),
    "POOL_JOINING_HOST_MUST_HAVE_PHYSICAL_MANAGEMENT_NIC": Meaning(
        "refused",
        "the management network is on a bond or VLAN",
        "configure it on a network card; the pool creates bonds and VLANs",
    ),
    "POOL_JOINING_HOST_MUST_ONLY_HAVE_PHYSICAL_PIFS": Meaning(
        "refused", "this host has bonds, VLANs or tunnels", "remove them; the pool creates its own on each host"
    ),
    "POOL_JOINING_HOST_HAS_BONDS": Meaning("refused", "this host has bonds", "remove them; the pool creates its own"),
    "POOL_JOINING_HOST_HAS_TUNNELS": Meaning("refused", "this host has tunnels", "remove them; the pool creates its own"),
    "POOL_JOINING_HOST_HAS_NETWORK_SRIOVS": Meaning("refused", "this host has SR-IOV networks", "remove them"),
    "POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS": Meaning(
        "refused", "this host has VLANs other than the management VLAN", "remove them; the pool creates its own"
    ),
    "POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH": Meaning(
        "address", "host and pool have different management VLANs: {0} and {1}", "correct network.management.vlan"
    ),
    "POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH": Meaning(
        "pin", "only one of host and pool verifies TLS certificates", "run xe pool-enable-tls-verification where it is off"
    ),
    "POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT": Meaning(
        "pin",
        "host and pool have different CA certificates of the same name",
        "run xe pool-uninstall-ca-certificate on this host",
    ),
    "HA_IS_ENABLED": Meaning("busy", "high availability is enabled; the pool accepts no hosts", "disable it while hosts join"),
    "LICENCE_RESTRICTION": Meaning("refused", "the pool's license does not allow it: {0}", "check the pool's license"),
    "OPERATION_NOT_ALLOWED": Meaning("refused", "the pool does not allow it: {0}"),
    "OTHER_OPERATION_IN_PROGRESS": Meaning("busy", "another operation is in progress in the pool", WAIT, permanent=False),
    "NOT_IN_EMERGENCY_MODE": Meaning("busy", "the pool's state has changed", WAIT, permanent=False),
    "MESSAGE_METHOD_UNKNOWN": Meaning("toolstack", "the master's xapi does not have the method {0}", SAME_VERSION),
}
"""By code of the XenAPI; an unknown code is reported as the server sends it."""
