"""The page of time limits lists every one in the source, and no limit has come without a name and a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from reference_pages.time_limits import element_source, python_source
from reference_pages.time_limits.page import collect, page
from reference_pages.time_limits.record import Limit, duration, value_text

PROJECT = Path(__file__).parents[3]
DOCUMENTED = """WAIT_SECONDS = 2 * 60
\"\"\"Wait for it.

Kind: protocol. Reason: the other side
needs it. Expiry: an error.
\"\"\"
"""


@pytest.fixture(scope="module")
def everything() -> tuple[list[Limit], list[str]]:
    return collect(PROJECT)


def test_every_limit_has_a_name_and_a_reason(everything: tuple[list[Limit], list[str]]) -> None:
    assert everything[1] == []


def test_limits_of_each_kind_of_source_are_found(everything: tuple[list[Limit], list[str]]) -> None:
    found = {(limit.where.rpartition("/")[2], limit.name) for limit in everything[0]}
    assert {
        ("udev.py", "STALLED_SECONDS"),
        ("iscsi_host_config.py", "NEVER_WAIT"),
        ("dom0kit-firstboot.service", "TimeoutStartSec"),
        ("50-dom0kit.conf", "--timeout"),
        ("multipath.conf", "no_path_retry"),
        ("dom0kit-wait", "DOM0KIT_SETTLE"),
        ("host.cfg", "timeout"),
        ("boot.cfg.j2", "sleep"),
    } <= found


def test_a_documented_constant_is_a_limit() -> None:
    found, wrong = python_source.limits(DOCUMENTED + "sleep(WAIT_SECONDS)\n", "x.py")
    assert wrong == []
    assert found == [Limit("x.py", "WAIT_SECONDS", "2 min", "Wait for it", "protocol", "the other side needs it", "an error")]


@pytest.mark.parametrize(
    "source",
    [
        "WAIT_SECONDS = 5\n",
        "ADDRESS_TIMEOUT: float = 5.0\n",
        "LOOKS_SECONDS = (0.5, 2)\n",
        DOCUMENTED.replace("protocol", "guess"),
        DOCUMENTED.replace(" Expiry: an error.", ""),
        "run([], timeout=30)\n",
        "run([], timeout=2 * 30)\n",
        "OTHER = 30\nrun([], timeout=OTHER)\n",
        "time.sleep(0.5)\n",
        "poll(ready, 30, PAUSE, 'x')\n",
        "child.wait(5)\n",
        "def ask(*, seconds: float = 5.0): ...\n",
        "def ask(timeout=5): ...\n",
        "class Handler:\n    timeout = 60\n",
        "run(['udevadm', 'settle', '--timeout=30'])\n",
        "options = {'ConnectTimeout': '30'}\n",
        "unit = f'[Bond]\\nMIIMonitorSec=100ms'\n",
    ],
)
def test_a_limit_in_python_without_a_reason_is_refused(source: str) -> None:
    assert python_source.limits(source, "x.py")[1]


@pytest.mark.parametrize(
    "source",
    [
        "seconds = time.monotonic()\n",
        "run([], timeout=None)\n",
        "SECONDS_TEXT = 'x'\n",
        "poll(ready, limit, pause, 'x')\n",
        "job.wait(0)\n",
    ],
)
def test_what_is_no_limit_passes(source: str) -> None:
    assert python_source.limits(source, "x.py") == ([], [])


@pytest.mark.parametrize(
    "line",
    [
        "TimeoutStartSec=10min",
        "RestartSec=5s",
        "ServerAliveInterval 15",
        "ExecStart=/usr/lib/systemd/systemd-networkd-wait-online --timeout=60",
        "    polling_interval    5",
        "set timeout=5",
        "    sleep 5",
        "timeout 40 wget x",
        "    wait_for_udev 10",
        "    udevadm settle --timeout=30",
        '    while [ "$waited" -lt 30 ]; do',
        "    udhcpc -i eth0 -n -T 3",
    ],
)
def test_a_limit_of_the_image_without_a_reason_is_refused(line: str) -> None:
    assert element_source.limits(f"# Wait.\n{line}\n", "x")[1]
    assert element_source.limits(f"# Kind: cap. Reason: x. Expiry: y.\n\n{line}\n", "x")[1], "the comment is not above it"


def test_settings_and_variables_with_a_comment_are_limits() -> None:
    comment = "# Other words. Wait for it.\n# Kind: cap. Reason: a reason. Expiry: an end.\n"
    text = f"{comment}TimeoutStartSec=10min\n{comment}DOM0KIT_WAIT=180\nDOM0KIT_MODE=3\n    sleep 1\n"
    found, wrong = element_source.limits(text, "x")
    assert wrong == []
    assert [(limit.name, limit.value, limit.what) for limit in found] == [
        ("TimeoutStartSec", "10 min", "Wait for it"),
        ("DOM0KIT_WAIT", "3 min", "Wait for it"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.5, "0.5 s"), (90, "90 s"), (120.0, "2 min"), (3600, "60 min"), (7200, "2 h"), (86400.0, "24 h"), (172800, "2 days")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_values() -> None:
    assert value_text("LOOKS", (0.3, 6.0)) == "0.3 s, 6 s"
    assert value_text("X_MILLISECONDS", 500) == "500 ms"
    assert value_text("NEVER_WAIT", ("replacement_timeout", "5")) == "5 s"
    assert element_source.value_text("timeout", "-1") == "for ever"


def test_the_page_is_made_only_when_all_have_a_reason(tmp_path: Path) -> None:
    (tmp_path / "dom0kit").mkdir()
    (tmp_path / "dom0kit/x.py").write_text(DOCUMENTED)
    assert "| `dom0kit/x.py` `WAIT_SECONDS` | Wait for it | 2 min | protocol |" in page(tmp_path)
    (tmp_path / "dom0kit/y.py").write_text("WAIT_SECONDS = 5\n")
    with pytest.raises(UserError, match=r"dom0kit/y\.py: WAIT_SECONDS"):
        page(tmp_path)
