"""Accounts by record, and the files that first boot and the image both write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstboot import config_files
from pool.ganeti.peers.etc_hosts import hosts_text
from upgrade.state import merges
from upgrade.state.nodes import Texts

OLD = "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/sbin/nologin\nold:x:99:99::/:/bin/false\n"
NEW = "root:x:0:0:root:/root:/bin/bash\ngames:x:5:60:games:/usr/games:/usr/sbin/nologin\nfresh:x:108:112::/:/bin/false\n"


def test_users_of_the_host_and_of_the_new_image_are_all_there() -> None:
    host = OLD.replace("/bin/bash", "/bin/zsh") + "alice:x:1000:1000::/home/alice:/bin/bash\n"
    assert merges.by_record(Texts(OLD, host, NEW)) == (
        "root:x:0:0:root:/root:/bin/zsh\n"
        "games:x:5:60:games:/usr/games:/usr/sbin/nologin\n"
        "fresh:x:108:112::/:/bin/false\n"
        "alice:x:1000:1000::/home/alice:/bin/bash\n"
    )


def test_a_user_that_the_host_removed_stays_removed() -> None:
    host = "".join(line + "\n" for line in OLD.splitlines() if not line.startswith("games"))
    assert "games" not in merges.by_record(Texts(OLD, host, NEW))


def test_roots_password_and_expiry_stay() -> None:
    old, new = "root:!:20000:0:99999:7:::\n", "root:!:20100:0:99999:7:::\n_new:!*:20100::::::\n"
    host = "root:$y$hash:20400:0:99999:7:::\nalice:$y$hers:20400:0:90:7:::\n"
    assert merges.by_record(Texts(old, host, new)) == (
        "root:$y$hash:20400:0:99999:7:::\n_new:!*:20100::::::\nalice:$y$hers:20400:0:90:7:::\n"
    )


def test_members_of_a_group_are_merged_one_by_one() -> None:
    texts = Texts("adm:x:4:syslog,games\n", "adm:x:4:syslog,alice\n", "adm:x:4:syslog,games,fresh\n")
    assert merges.MERGES[merges.GROUP](texts) == "adm:x:4:syslog,fresh,alice\n"


def test_ranges_of_numbers_are_merged_by_line() -> None:
    texts = Texts("a:1:2\n", "a:1:2\nalice:100000:65536\nalice:200000:65536\n", "b:3:4\n")
    assert merges.by_line(texts) == "b:3:4\nalice:100000:65536\nalice:200000:65536\n"


RECORDS = st.dictionaries(
    st.sampled_from(["root", "a", "b", "c", "d"]), st.tuples(st.sampled_from("12"), st.sampled_from(["", "x", "x,y"]))
).map(lambda rows: "".join(f"{name}:{':'.join(row)}\n" for name, row in rows.items()))


@given(RECORDS, RECORDS, RECORDS)
def test_merging_keeps_the_changes_of_both(old: str, host: str, new: str) -> None:
    was, mine, theirs = (merges.records(text) for text in (old, host, new))
    merged = merges.records(merges.by_record(Texts(old, host, new)))
    assert (mine.keys() - was.keys()) | (theirs.keys() - was.keys()) <= merged.keys()
    assert not (was.keys() - mine.keys()) & merged.keys() - (theirs.keys() - was.keys())
    for name in was.keys() & mine.keys() & theirs.keys():
        for before, now, fresh, found in zip(was[name], mine[name], theirs[name], merged[name], strict=True):
            assert found == (fresh if now == before else now)


@given(RECORDS, RECORDS)
def test_a_host_that_changed_nothing_has_the_new_images_text(old: str, new: str) -> None:
    assert merges.by_record(Texts(old, old, new)) == new
    assert sorted(merges.by_record(Texts(old, new, old)).splitlines()) == sorted(new.splitlines())


HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\tdom0kit\n"


def test_the_blocks_in_etc_hosts_move_to_the_new_images_file() -> None:
    host = config_files.hosts_text(HOSTS, "xen1.example", "192.0.2.10")
    host = hosts_text(host, {"xen2.example": "192.0.2.11"})
    merged = merges.hosts(Texts(HOSTS, host, HOSTS + "::1\tlocalhost\n"))
    assert merged is not None
    assert merged.startswith(HOSTS + "::1\tlocalhost\n")
    for line in ("192.0.2.10\txen1.example xen1", "192.0.2.11\txen2.example xen2", config_files.BEGIN, config_files.END):
        assert line in merged.splitlines()
    # Nothing but the order of the blocks changes when first boot writes them again.
    again = config_files.hosts_text(hosts_text(merged, {"xen2.example": "192.0.2.11"}), "xen1.example", "192.0.2.10")
    assert sorted(again.splitlines()) == sorted(merged.splitlines())


def test_a_line_of_the_administrator_in_etc_hosts_is_no_change_of_first_boots() -> None:
    host = config_files.hosts_text(HOSTS + "192.0.2.99 nfs\n", "xen1.example", None)
    assert merges.hosts(Texts(HOSTS, host, HOSTS)) is None


@pytest.mark.parametrize("off", [False, True])
def test_debians_time_servers_stay_off_in_the_new_images_file(off: bool) -> None:
    old, new = "pool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n", "pool 3.debian.pool.ntp.org iburst\nmakestep 1 5\n"
    host = config_files.chrony_config(old, own_servers=off)
    assert merges.chrony(Texts(old, host, new)) == config_files.chrony_config(new, own_servers=off)
    assert merges.chrony(Texts(old, host + "allow 192.0.2.0/24\n", new)) is None
