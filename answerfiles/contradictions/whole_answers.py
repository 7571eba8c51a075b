"""Answers that no machine can satisfy, found without one: rules that exclude each other (pure).

Each finding has the place in the answers where the second half of the contradiction is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from answerfiles.checks import device_paths
from answerfiles.checks.refusal import Finding
from answerfiles.contradictions.networks import network_findings
from answerfiles.model import Answers, DiskSelector
from answerfiles.yaml_positions import Path, dotted


class _Disk(NamedTuple):
    path: Path
    rule: DiskSelector


def find(answers: Answers) -> list[Finding]:
    """Return every contradiction in answers that are valid field by field."""
    return [*_disks(answers), *network_findings(answers), *_access(answers), *_pool(answers), *_servers(answers)]


def _disks(answers: Answers) -> Iterator[Finding]:
    target = answers.target
    places = [("target", "mirror", 0), ("target", "mirror", 1)] if target.mirror is not None else [("target", "disk")]
    rules = [_Disk(path, rule) for path, rule in zip(places, target.selectors(), strict=True)]
    if not isinstance(answers.guests, str):
        rules += [_Disk(("guests", "disks", number), rule) for number, rule in enumerate(answers.guests.disks)]
    for number, disk in enumerate(rules):
        if text := device_paths.transport_fault(disk.rule.path or "", disk.rule.transport or ""):
            yield Finding((*disk.path, "transport"), text, "disk-contradiction", "leave transport out, or correct the path")
        if disk.rule.transport == "nvme" and disk.rule.rotational:
            yield Finding((*disk.path, "rotational"), "an NVMe disk does not turn", "disk-contradiction", "leave it out")
        for other in rules[:number]:
            # The same rule twice in a mirror means two disks that fulfil it.
            pair = {disk.path[:2], other.path[:2]} == {("target", "mirror")} and not disk.rule.names_one()
            if not pair and _same_disk(disk.rule, other.rule):
                text = f"the same disk as {dotted(other.path)} ({other.rule}); each rule must choose another disk"
                yield Finding(disk.path, text, "disk-twice", "name another disk, or leave the rule out")
                break


def _same_disk(one: DiskSelector, other: DiskSelector) -> bool:
    """Return whether two rules can only choose the same disk."""
    first, second = one.given(), other.given()
    if first == second:
        return True
    names = [_names(one), _names(other)]
    shared = names[0].keys() & names[1].keys()
    if not any(names[0][key] == names[1][key] for key in shared):
        return False
    # NVMe namespaces share a serial number: another field tells them apart.
    differ = {key for key in shared if names[0][key] != names[1][key]}
    return not differ and all(first[key] == second[key] for key in (first.keys() & second.keys()) - {"serial", "wwn", "path"})


def _names(rule: DiskSelector) -> dict[str, str]:
    names = {"serial": rule.serial or "", "path": device_paths.plain_path(rule.path or "")}
    names["wwn"] = device_paths.plain_wwn(rule.wwn) if rule.wwn else device_paths.wwn_of_path(names["path"])
    return {key: name for key, name in names.items() if name}


def _access(answers: Answers) -> Iterator[Finding]:
    if answers.ssh == "off" and answers.root.password_hash is None and not getattr(answers.root, "ask", False):
        text = "ssh 'off' together with root's log-in by key alone: nothing could log in"
        yield Finding(("ssh",), text, "no-login", "set root.password_hash, or leave 'ssh: off' out")
    iscsi = answers.san.iscsi
    for number, portal in enumerate(iscsi.portals if iscsi is not None else ()):
        chap = portal.chap
        if chap is not None and chap.target_secret is not None and chap.target_secret == chap.secret:
            place = ("san", "iscsi", "portals", number, "chap", "target_secret")
            text = "the target's secret is the initiator's, and both must differ (RFC 7143)"
            yield Finding(place, text, "chap", "give the target a secret of its own")
    webhook = answers.reports.webhook
    if webhook is not None and webhook.fingerprint is not None and webhook.url.startswith("http:"):
        text = "a certificate's fingerprint only for an https address"
        yield Finding(("reports", "webhook", "fingerprint"), text, "fingerprint", "write https:// or leave it out")


def _pool(answers: Answers) -> Iterator[Finding]:
    create, join = answers.pool.create, answers.pool.join
    if create is not None and create.name == answers.host_name:
        text = "the host's own name; a pool has a name of its own"
        yield Finding(("pool", "create", "name"), text, "pool-name", "choose another name, as pool1.example.org")
    if join is not None and join.address is not None and join.address in (answers.host_name, *_own(answers)):
        text = "this host's own name or address; a pool is joined by its master's"
        yield Finding(("pool", "join", "address"), text, "pool-address", "give the master's address")


def _own(answers: Answers) -> list[str]:
    management = answers.network.management
    return [str(value.address.ip) for value in (management.ipv4, management.ipv6) if not isinstance(value, str)]


def _servers(answers: Answers) -> Iterator[Finding]:
    own = {answers.host_name, *_own(answers)}
    for number, server in enumerate(answers.time.ntp):
        if str(server) in own:
            text = "this host itself; it gets its time from other machines"
            yield Finding(("time", "ntp", number), text, "own-address", "name another server, or leave it out")
    portals: list[tuple[object, ...]] = []
    for number, portal in enumerate(answers.san.iscsi.portals if answers.san.iscsi is not None else ()):
        place: Path = ("san", "iscsi", "portals", number)
        if portal.address in own:
            yield Finding((*place, "address"), "this host itself", "own-address", "give the address of the array")
        key = (portal.address, portal.port, portal.target)
        if key in portals:
            text = f"the same portal and target as san.iscsi.portals[{portals.index(key)}]"
            yield Finding(place, text, "portal-twice", "leave one out")
        portals.append(key)
