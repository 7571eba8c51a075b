"""The plan of a change of image: each path of the old overlay has one verdict, and nothing of the host is lost in silence."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade.state.nodes import Entry, Facts, Kind, Node, Texts
from upgrade.state.plan import ASIDE, Act, Change, Decision, Plan, make_plan
from upgrade.state.rules import SHARED, Verdict


def file(text: str, mode: int = 0o644, uid: int = 0) -> Node:
    return Node(Kind.FILE, mode, uid, 0, len(text), hashlib.sha256(text.encode()).hexdigest())


FOLDER = Node(Kind.FOLDER, 0o755)
GONE = Node(Kind.WHITEOUT, 0)


def link(target: str) -> Node:
    return Node(Kind.LINK, 0o777, content=target)


def planned(*entries: Entry, texts: dict[str, Texts] | None = None, shared: frozenset[str] = frozenset()) -> Plan:
    """Return the plan; the folders above the entries are those of both images."""
    paths = {entry.path for entry in entries}
    folders = {"/".join(entry.path.split("/")[:n]) for entry in entries for n in range(1, entry.path.count("/") + 1)} - paths
    every = [*entries, *(Entry(path, FOLDER, FOLDER, FOLDER) for path in folders)]
    return make_plan(Facts(tuple(sorted(every, key=lambda entry: entry.path.split("/"))), texts or {}, shared))


def one(plan: Plan, path: str) -> Decision:
    (found,) = [decision for decision in plan.decisions if decision.path == path]
    return found


@pytest.mark.parametrize(
    ("host", "old", "new", "verdict", "act"),
    [
        (file("mine"), None, None, Verdict.OWN, Act.COPY),
        (file("mine"), file("one"), file("one"), Verdict.OWN, Act.COPY),
        (file("mine"), file("one"), file("two"), Verdict.CONFLICT, Act.COPY),
        (file("mine"), file("one"), None, Verdict.OWN, Act.COPY),
        (file("mine"), None, file("two"), Verdict.CONFLICT, Act.COPY),
        (file("two"), file("one"), file("two"), Verdict.DROPPED, Act.NOTHING),
        (file("two", 0o600), file("one"), file("two"), Verdict.OWN, Act.COPY),
        (file("one"), file("one"), file("two"), Verdict.DROPPED, Act.NOTHING),
        (file("one", 0o600), file("one"), file("two"), Verdict.OWN, Act.OWNER),
        (file("one", 0o600), file("one"), None, Verdict.DROPPED, Act.NOTHING),
        (GONE, file("one"), file("one"), Verdict.OWN, Act.WHITEOUT),
        (GONE, file("one"), file("two"), Verdict.OWN, Act.WHITEOUT),
        (GONE, file("one"), None, Verdict.DROPPED, Act.NOTHING),
        (GONE, FOLDER, FOLDER, Verdict.OWN, Act.WHITEOUT),
        (link("/dev/null"), None, None, Verdict.OWN, Act.COPY),
        (link("/dev/null"), link("unit"), link("unit"), Verdict.OWN, Act.COPY),
        (link("/dev/null"), file("a unit"), file("another"), Verdict.CONFLICT, Act.COPY),
        (Node(Kind.SOCKET), None, None, Verdict.DROPPED, Act.NOTHING),
        (Node(Kind.FIFO), None, None, Verdict.OWN, Act.COPY),
    ],
)
def test_the_three_ways(host: Node, old: Node | None, new: Node | None, verdict: Verdict, act: Act) -> None:
    found = one(planned(Entry("etc/it", host, old, new)), "etc/it")
    assert (found.verdict, found.act) == (verdict, act)
    assert found.aside == (verdict is Verdict.CONFLICT)
    assert found.reason


def test_a_file_that_was_not_read_is_never_taken_for_the_same() -> None:
    unread = Node(Kind.FILE, size=4)
    found = one(planned(Entry("etc/it", unread, unread, unread)), "etc/it")
    assert found.change is Change.CHANGED
    assert found.act is Act.COPY


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("etc/ssh/ssh_host_ed25519_key", Verdict.CARRIED),
        ("etc/machine-id", Verdict.CARRIED),
        ("etc/dom0kit/host.json", Verdict.CARRIED),
        ("root/.ssh/authorized_keys", Verdict.CARRIED),
        ("etc/multipath/wwids", Verdict.CARRIED),
        ("etc/mdadm/mdadm.conf", Verdict.CARRIED),
        ("var/lib/dom0kit/paths.json", Verdict.CARRIED),
        ("etc/netplan/50-dom0kit.yaml", Verdict.RECREATED),
        ("var/lib/openvswitch/conf.db", Verdict.CARRIED),
        ("var/lib/openvswitch/.conf.db.~lock~", Verdict.DROPPED),
        ("etc/netplan/60-mine.yaml", Verdict.OWN),
        ("var/lib/dpkg/status", Verdict.DROPPED),
        ("usr/bin/htop", Verdict.DROPPED),
        ("usr/local/bin/mine", Verdict.OWN),
        ("home/alice/.profile", Verdict.OWN),
        ("srv/ganeti/shared-file-storage/guest", Verdict.SHARED),
        ("srv/www/index.html", Verdict.OWN),
        ("var/log/syslog", Verdict.SHARED),
        ("var/lib/dom0kit/pool/tokens/a.json", Verdict.SHARED),
        ("etc/passwd-", Verdict.DROPPED),
        ("var/spool/cron/crontabs/root", Verdict.OWN),
        ("var/lib/dom0kit/firstboot/pool.json", Verdict.CARRIED),
        ("var/lib/dom0kit/firstboot/root.json", Verdict.CARRIED),
        ("var/lib/dom0kit/firstboot/scripts.json", Verdict.CARRIED),
        ("var/lib/dom0kit/firstboot/scripts/1-abc", Verdict.CARRIED),
        ("var/lib/dom0kit/firstboot/network.json", Verdict.RECREATED),
        ("var/lib/dom0kit/firstboot/toolstack.json", Verdict.RECREATED),
        ("var/lib/dom0kit/firstboot/pool.error.json", Verdict.DROPPED),
    ],
)
def test_paths_with_a_rule(path: str, verdict: Verdict) -> None:
    assert one(planned(Entry(path, file("host")), shared=frozenset(SHARED)), path).verdict is verdict


def test_without_a_shared_folder_its_files_are_carried_and_the_boot_shares_them() -> None:
    """On a host whose first boot did not make state/common nothing may be lost."""
    found = one(planned(Entry("var/lib/ganeti/config.data", file("pool"))), "var/lib/ganeti/config.data")
    assert found.act is Act.COPY


def test_what_is_carried_wins_over_the_new_image_without_a_file_next_to_it() -> None:
    found = one(planned(Entry("etc/multipath/bindings", file("host"), file("one"), file("two"))), "etc/multipath/bindings")
    assert (found.verdict, found.act, found.aside) == (Verdict.CARRIED, Act.COPY, False)


def test_a_change_by_hand_in_a_file_of_first_boot_is_a_conflict_that_is_shown() -> None:
    path = "etc/netplan/50-dom0kit.yaml"
    plan = make_plan(Facts((Entry(path, file("mine")),), edited=frozenset({path})))
    assert (one(plan, path).verdict, one(plan, path).act) == (Verdict.CONFLICT, Act.NOTHING)


def test_files_of_a_package_that_is_installed_again() -> None:
    entries = (Entry("usr", FOLDER, FOLDER, FOLDER), Entry("usr/bin", FOLDER, FOLDER, FOLDER), Entry("usr/bin/htop", file("x")))
    plan = make_plan(Facts(entries, reinstalled={"usr/bin/htop": "htop"}))
    assert one(plan, "usr/bin/htop").verdict is Verdict.RECREATED
    assert all(decision.act is Act.NOTHING for decision in plan.decisions)


class TestFolders:
    def test_one_that_holds_something_has_the_new_images_owner(self) -> None:
        new = Node(Kind.FOLDER, 0o750)
        plan = planned(Entry("etc/it", FOLDER, FOLDER, new), Entry("etc/it/mine", file("x")))
        assert one(plan, "etc/it").act is Act.FOLDER
        assert one(plan, "etc/it").owner == new

    def test_one_whose_mode_the_host_changed_keeps_it(self) -> None:
        plan = planned(Entry("etc/it", Node(Kind.FOLDER, 0o700), FOLDER, FOLDER))
        found = one(plan, "etc/it")
        assert (found.act, found.owner, found.verdict) == (Act.FOLDER, Node(Kind.FOLDER, 0o700), Verdict.OWN)

    def test_one_in_which_nothing_is_carried_is_not_made(self) -> None:
        plan = planned(Entry("etc/it", FOLDER, FOLDER, FOLDER), Entry("etc/it/same", file("x"), file("x"), file("y")))
        assert one(plan, "etc/it").act is Act.NOTHING
        assert one(plan, "etc").act is Act.NOTHING

    def test_an_empty_one_of_the_host_is_made(self) -> None:
        plan = planned(Entry("mnt/backup", FOLDER))
        assert one(plan, "mnt/backup").act is Act.FOLDER
        assert one(plan, "mnt").act is Act.FOLDER

    def test_one_that_took_the_place_of_the_images_hides_the_new_images_too(self) -> None:
        plan = planned(Entry("etc/it", FOLDER, FOLDER, FOLDER, opaque=True), Entry("etc/it/mine", file("x")))
        assert one(plan, "etc/it").opaque

    def test_a_folder_of_the_host_hides_nothing_though_overlayfs_marks_it(self) -> None:
        """The kernel marks each new folder as opaque, to save look-ups (ovl_create_upper in fs/overlayfs/dir.c)."""
        plan = planned(Entry("etc/it", FOLDER, None, FOLDER, opaque=True), Entry("etc/it/mine", file("x")))
        assert not one(plan, "etc/it").opaque

    def test_usr_is_made_for_usr_local_alone(self) -> None:
        plan = planned(
            Entry("usr", FOLDER, FOLDER, FOLDER),
            Entry("usr/bin", FOLDER, FOLDER, FOLDER),
            Entry("usr/bin/x", file("x")),
            Entry("usr/local", FOLDER, FOLDER, FOLDER),
            Entry("usr/local/x", file("x")),
        )
        made = {decision.path for decision in plan.decisions if decision.act is not Act.NOTHING}
        assert made == {"usr", "usr/local", "usr/local/x"}


def test_a_file_next_to_a_conflict_from_an_earlier_upgrade_gives_way() -> None:
    plan = planned(Entry("etc/it", file("mine"), file("one"), file("two")), Entry(f"etc/it{ASIDE}", file("one")))
    assert one(plan, "etc/it").aside
    assert one(plan, f"etc/it{ASIDE}").act is Act.NOTHING


def test_a_system_user_with_another_number_is_a_problem() -> None:
    old, new = "root:x:0:0::/:/bin/sh\n_chrony:x:102:104::/:\n", "root:x:0:0::/:/bin/sh\n_chrony:x:103:104::/:\n"
    plan = planned(texts={"etc/passwd": Texts(old, old, new)})
    assert plan.problems == ("the user _chrony has number 103 in the new image, and files of number 102",)


def test_a_number_that_the_host_gave_to_a_user_of_its_own_is_a_problem() -> None:
    old = "root:x:0:0::/:/bin/sh\n"
    host, new = old + "mine:x:107:1::/:\n", old + "theirs:x:107:1::/:\n"
    plan = planned(Entry("etc/passwd", file(host), file(old), file(new)), texts={"etc/passwd": Texts(old, host, new)})
    assert plan.problems == ("the users mine and theirs would both have number 107",)


NAMES = st.sampled_from(["etc", "var", "lib", "usr", "local", "log", "a", "b", "ssh", "passwd", "hosts", "dom0kit", "firstboot"])
CONTENTS = st.sampled_from(["", "one", "two", "three"])
NODES = st.one_of(
    st.builds(file, CONTENTS, st.sampled_from([0o644, 0o600])),
    st.just(FOLDER),
    st.builds(Node, st.just(Kind.FOLDER), st.sampled_from([0o700, 0o755])),
    st.builds(link, CONTENTS),
    st.builds(Node, st.sampled_from([Kind.DEVICE, Kind.FIFO, Kind.SOCKET])),
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@given(st.dictionaries(PATHS, st.tuples(st.one_of(NODES, st.just(GONE)), st.none() | NODES, st.none() | NODES, st.booleans())))
def test_each_path_has_exactly_one_verdict_and_each_folder_that_is_needed_is_made(
    nodes: dict[str, tuple[Node, Node | None, Node | None, bool]],
) -> None:
    parents = {"/".join(path.split("/")[:n]) for path in nodes for n in range(1, path.count("/") + 1)}
    entries = [
        Entry(path, FOLDER if path in parents and host.kind is not Kind.FOLDER else host, old, new, opaque)
        for path, (host, old, new, opaque) in nodes.items()
    ]
    entries += [Entry(path, FOLDER, FOLDER, FOLDER) for path in parents - nodes.keys()]
    facts = Facts(tuple(sorted(entries, key=lambda entry: entry.path.split("/"))), shared=frozenset({"var/log"}))
    plan = make_plan(facts)

    assert [decision.path for decision in plan.decisions] == [entry.path for entry in facts.entries]
    made = {decision.path for decision in plan.decisions if decision.act is not Act.NOTHING}
    folders = {decision.path for decision in plan.decisions if decision.act is Act.FOLDER}
    assert {path.rpartition("/")[0] for path in made} - {""} <= folders
    for entry, decision in zip(facts.entries, plan.decisions, strict=True):
        assert decision.reason
        # What only the host has is kept, unless a rule says otherwise.
        if decision.verdict is Verdict.OWN and decision.change in (Change.ADDED, Change.CHANGED) and entry.host.kind is Kind.FILE:
            assert decision.act is Act.COPY
        if decision.act in (Act.COPY, Act.OWNER, Act.TEXT):
            assert entry.host.kind not in (Kind.FOLDER, Kind.WHITEOUT, Kind.SOCKET)
        if decision.act is Act.OWNER:
            assert entry.new is not None
            assert entry.new.kind is entry.host.kind
        if decision.aside:
            assert entry.new is not None
            assert decision.verdict is Verdict.CONFLICT
