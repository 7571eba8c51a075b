"""The recipe: read, checked, every mistake named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from image import recipe
from image.cache_keys import base_key

TEXT = recipe.DEFAULT_RECIPE.read_text()


def test_the_recipe_that_ships_is_valid_and_holds_the_promised_parts() -> None:
    names = recipe.load().all_packages()
    for name in ("xen-system-amd64", "linux-image-amd64", "openvswitch-switch", "netplan.io", "lvm2", "mdadm", "ganeti", "chrony",
                 "multipath-tools-boot", "open-iscsi", "python3-newt", "openssh-server", "intel-microcode"):  # fmt: skip
        assert name in names
    assert list(names) == sorted(set(names))


def test_only_the_chosen_toolstacks_packages_are_installed() -> None:
    made = recipe.parse(TEXT.replace('toolstack = "ganeti"', 'toolstack = "xl"'), "recipe.toml")
    assert "ganeti" not in made.all_packages()


def test_an_unknown_key_is_refused_with_its_line_and_a_suggestion() -> None:
    text = TEXT.replace("memory_mib =", "memory_mb =")
    line = next(n for n, t in enumerate(text.splitlines(), 1) if t.startswith("memory_mb"))
    with pytest.raises(UserError) as caught:
        recipe.parse(text, "recipe.toml")
    assert f"recipe.toml:{line}: unknown key dom0.memory_mb (did you mean memory_mib?)" in caught.value.message
    assert "dom0.memory_mib is missing" in caught.value.message


def test_all_mistakes_are_told_at_once() -> None:
    text = TEXT.replace('toolstack = "ganeti"', 'toolstack = "docker"').replace("memory_mib = 1024", "memory_mib = 12")
    with pytest.raises(UserError) as caught:
        recipe.parse(text, "recipe.toml")
    assert "dom0.toolstack" in caught.value.message
    assert "dom0.memory_mib" in caught.value.message
    assert "found 12" in caught.value.message


def test_broken_toml_is_a_users_error() -> None:
    with pytest.raises(UserError, match="not valid TOML"):
        recipe.parse("[debian\n", "recipe.toml")


def test_the_line_of_a_package() -> None:
    assert recipe.line_of('a = 1\nb = ["x", "multipath-tools"]\n', "multipath-tools") == 2
    assert recipe.line_of("# multipath-tools\n", "multipath-tools") == 1


@pytest.mark.parametrize("value", ["zstd:23", "lzma", "xz:10", "gzip"])
def test_compression_is_checked(value: str) -> None:
    with pytest.raises(UserError):
        recipe.parse(TEXT.replace('"zstd:3"', f'"{value}"'), "recipe.toml")


def test_sources_name_all_three_suites() -> None:
    lines = recipe.load().debian.sources().splitlines()
    assert [line.split()[3] for line in lines] == ["trixie", "trixie-updates", "trixie-security"]


REPOSITORY = """
[[apt]]
name = "kronos"
uri = "https://packages.example.org/xapi"
suite = "trixie"
components = ["main"]
key = "keys/kronos.asc"
"""
XAPI = TEXT.replace('toolstack = "ganeti"', 'toolstack = "xapi"')


def test_xapi_needs_a_repository() -> None:
    line = next(n for n, t in enumerate(XAPI.splitlines(), 1) if t.startswith("toolstack ="))
    with pytest.raises(UserError) as caught:
        recipe.parse(XAPI, "recipe.toml")
    assert caught.value.message.startswith(f"recipe.toml:{line}: the toolstack xapi is not in Debian")
    assert "[[apt]]" in caught.value.hint


def test_a_further_repository(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(XAPI + REPOSITORY)
    with pytest.raises(UserError, match=r"recipe.toml:\d+: the key .*/keys/kronos.asc of the repository kronos does not exist"):
        recipe.load(path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/kronos.asc").write_text("key one")
    made = recipe.load(path)
    assert "xapi" in made.all_packages()
    assert "ganeti" not in made.all_packages()
    assert made.sources().splitlines()[-1] == (
        f"deb [signed-by={tmp_path}/keys/kronos.asc] https://packages.example.org/xapi trixie main"
    )
    assert "[signed-by=/etc/apt/keyrings/kronos.asc]" in made.image_sources()
    before = base_key(made, {})
    (tmp_path / "keys/kronos.asc").write_text("key two")
    assert base_key(recipe.load(path), {}) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://packages", "file:///packages"),
        ('["main"]', "[]"),
        ("kronos.asc", "kronos.txt"),
        ('"trixie"\ncomp', '"./"\ncomp'),
    ],
)
def test_a_repository_that_cannot_be(old: str, new: str) -> None:
    with pytest.raises(UserError):
        recipe.parse(XAPI + REPOSITORY.replace(old, new), "recipe.toml")


def test_an_unknown_key_of_a_repository_gets_a_suggestion() -> None:
    with pytest.raises(UserError, match=r"unknown key apt.0.urii \(did you mean uri\?\)"):
        recipe.parse(XAPI + REPOSITORY.replace("uri =", "urii ="), "recipe.toml")


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            "memory_mib = 1024",
            'memory_mib = "1024"',
            "found '1024'; allowed: a whole number from 512 to 65536, write 1024 without quotes",
        ),
        ("memory_mib = 1024", "memory_mib = true", "found true; allowed: a whole number from 512 to 65536"),
        ('toolstack = "ganeti"', 'toolstack = "Ganety"', "allowed: 'ganeti', 'xapi' or 'xl', did you mean 'ganeti'?"),
        ('"zstd:3"', '"lz4"', "found 'lz4'; allowed: a compression: zstd:1 to zstd:22"),
        ("base = [", 'base = ["Foo_bar",', "found 'Foo_bar'; allowed: the name of a Debian package"),
        ("drop = [", 'drop = "a"\nx = [', "drivers.drop: found 'a'; allowed: a list"),
    ],
)
def test_mistakes_are_said_as_those_of_answers(right: str, wrong: str, sentence: str) -> None:
    assert right in TEXT
    with pytest.raises(UserError) as caught:
        recipe.parse(TEXT.replace(right, wrong, 1), "recipe.toml")
    assert sentence in caught.value.message
    assert "String should" not in caught.value.message


def test_each_pattern_has_words() -> None:
    """An error of each of the recipe's patterns finds its words."""
    for pattern in re.findall(r'pattern=r"([^"]+)"', Path(recipe.__file__).read_text()):
        assert any(part in pattern for part in recipe.PATTERNS), pattern
