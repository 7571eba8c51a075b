"""The debootstrap wrapper's command line and meter."""

from __future__ import annotations

from pathlib import Path

from image import recipe
from image.apt import Cache
from image.bootstrap import Meter, command


def test_one_transaction_with_every_package_and_no_fetching_of_lists() -> None:
    made = recipe.load()
    words = command(made, Path("/t"), Cache(Path("/c")))
    assert words[0] == "mmdebstrap"
    assert f"--include={','.join(made.all_packages())}" in words
    assert any(word.startswith("--skip=update,") for word in words)
    assert any("mount --bind /c/archives" in word for word in words)
    assert words[-3:-1] == ["trixie", "/t"]
    assert '--aptopt=APT::Install-Recommends "false"' in words


def test_the_meter_goes_from_nothing_to_all() -> None:
    seen: list[tuple[float, str]] = []
    meter = Meter(lambda fraction, text: seen.append((fraction, text)))
    for line in (
        "0 upgraded, 2 newly installed, 0 to remove",
        "Get:1 http://m/debian trixie/main amd64 htop amd64 3.4 [1 kB]",
        "Get:2 http://m/debian trixie/main amd64 less amd64 3.4 [1 kB]",
        "Unpacking htop (3.4) ...",
        "Unpacking less (3.4) ...",
        "Setting up htop (3.4) ...",
        "Setting up less (3.4) ...",
    ):
        meter(line)
    assert [round(fraction, 2) for fraction, _ in seen] == [0.17, 0.33, 0.5, 0.67, 0.83, 1.0]
    assert seen[0][1] == "fetching htop"
