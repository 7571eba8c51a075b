"""The model of an installation: all settings of a host in one frozen value.

Each setting is defined once, here: reader, schema, reference page, installer and first boot derive from it. Answers of a
later version add fields with defaults, so that an older ``host.json`` stays readable.
"""

from answerfiles.model.answers import FORMAT, Answers, load_host
from answerfiles.model.host import Dom0, NtpSource, Proxy, Root, SerialConsole, Time
from answerfiles.model.host_task import TASKS, HostDisks, HostTask
from answerfiles.model.network import (
    Bond,
    Bridge,
    Management,
    Network,
    NicSelector,
    Route,
    StaticAddress,
    StaticAddress6,
    VlanPort,
)
from answerfiles.model.packages import PackageSource
from answerfiles.model.pool import Pool, PoolCreate, PoolJoin
from answerfiles.model.record import Record
from answerfiles.model.san import AllPathsDown, Chap, Iscsi, Portal, San
from answerfiles.model.scripts_and_reports import Reports, Script, Webhook
from answerfiles.model.storage import DiskSelector, Guests, SizeRange, Target

__all__ = [
    "FORMAT",
    "TASKS",
    "AllPathsDown",
    "Answers",
    "Bond",
    "Bridge",
    "Chap",
    "DiskSelector",
    "Dom0",
    "Guests",
    "HostDisks",
    "HostTask",
    "Iscsi",
    "Management",
    "Network",
    "NicSelector",
    "NtpSource",
    "PackageSource",
    "Pool",
    "PoolCreate",
    "PoolJoin",
    "Portal",
    "Proxy",
    "Record",
    "Reports",
    "Root",
    "Route",
    "San",
    "Script",
    "SerialConsole",
    "SizeRange",
    "StaticAddress",
    "StaticAddress6",
    "Target",
    "Time",
    "VlanPort",
    "Webhook",
    "load_host",
]
