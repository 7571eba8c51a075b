"""The structure that docs/explanation/architecture.md promises, held to by machine."""

from __future__ import annotations

import ast
import graphlib
import importlib
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "dom0kit",
    "prepare",
    "answerfiles",
    "network",
    "pool",
    "installer",
    "firstboot",
    "upgrade",
    "image",
    "iso",
    "pipeline",
    "qa",
    "programs",
    "reference_pages",
)
MAY_IMPORT = {
    "dom0kit": set(),
    "prepare": {"dom0kit"},
    "answerfiles": {"dom0kit"},
    "network": {"answerfiles", "dom0kit"},
    "pool": {"answerfiles", "dom0kit"},
    "installer": {"network", "pool", "answerfiles", "dom0kit"},
    "firstboot": {"network", "pool", "answerfiles", "dom0kit"},
    "upgrade": {"firstboot", "installer", "network", "pool", "answerfiles", "dom0kit"},
    "image": {"prepare", "dom0kit"},
    "iso": {"dom0kit"},
    "pipeline": {"dom0kit", "answerfiles", "image", "iso", "prepare"},
    "qa": set(PACKAGES) - {"programs", "reference_pages"},
    "programs": set(PACKAGES) - {"reference_pages"},
    "reference_pages": set(PACKAGES),
}
SHIPPED_BY_DEBIAN = {"pydantic", "pydantic_core", "yaml", "jinja2", "snack"}
BUILD_ONLY = {"pycdlib", "pexpect", "pytest"}


def imports_of(path: Path, *, for_types: bool = True) -> set[str]:
    """Return the modules and names that a file imports.

    :param for_types: count imports for the type checker alone as well.
    """
    names: set[str] = set()
    rest: list[ast.AST] = [ast.parse(path.read_text())]
    while rest:
        node = rest.pop()
        if not for_types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        rest.extend(ast.iter_child_nodes(node))
    return names


def imported(path: Path) -> set[str]:
    """Return the top-level names that a file imports."""
    return {name.split(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package: str) -> None:
    for path in (PROJECT / package).rglob("*.py"):
        wrong = (imported(path) & set(PACKAGES)) - MAY_IMPORT[package] - {package}
        assert not wrong, f"{path.relative_to(PROJECT)} imports {wrong}"


@pytest.mark.parametrize("package", ["dom0kit", "answerfiles", "network", "pool", "installer", "firstboot", "programs"])
def test_packages_on_hosts_need_only_what_debian_ships(package: str) -> None:
    for path in (PROJECT / package).rglob("*.py"):
        assert not imported(path) & BUILD_ONLY, path


def test_the_table_in_the_architecture_names_every_package() -> None:
    text = (PROJECT / "docs/explanation/architecture.md").read_text()
    for package in PACKAGES:
        assert f"| `{package}/` |" in text, package


def test_travelling_libraries_are_pinned_to_debians_versions() -> None:
    text = (PROJECT / "pyproject.toml").read_text()
    for pin in ("pydantic==2.10.6", "PyYAML==6.0.2", "Jinja2==3.1.6"):
        assert pin in text


def test_every_dependency_earns_its_line() -> None:
    names = re.findall(r'^\s+"([A-Za-z0-9_.-]+)==', (PROJECT / "pyproject.toml").read_text(), re.M)
    text = (PROJECT / "docs/dependencies.md").read_text().lower()
    assert names
    for name in names:
        assert f"| {name.lower()} |" in text, name


def test_files_stay_readable_in_one_sitting() -> None:
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            assert len(path.read_text().splitlines()) <= 320, path


def test_hooks_are_executable_and_stop_on_errors() -> None:
    hooks = [p for p in (PROJECT / "image/elements").glob("*/*.d/*") if p.parent.name != "environment.d"]
    assert hooks
    for hook in hooks:
        assert hook.stat().st_mode & 0o100, hook
        text = hook.read_text()
        assert "set -eu" in text, hook
        assert "pipefail" in text, hook


def test_modules_named_in_scripts_and_units_exist() -> None:
    """Scripts and units name modules in their text, which no import of a test would notice."""
    packages = "|".join(PACKAGES)
    pattern = re.compile(rf"(?:from ((?:{packages})[\w.]*) import (\w+)|-m ((?:{packages})\.[\w.]+))")
    named = []
    for path in (PROJECT / "image/elements").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix != ".md":
            named += [(path, *found) for found in pattern.findall(path.read_text(errors="replace"))]
    assert named
    for path, package, name, module in named:
        target = importlib.import_module(module or package)
        if not module and not hasattr(target, name):
            importlib.import_module(f"{package}.{name}")
        assert target, path


def test_packages_hold_no_links() -> None:
    """A wheel cannot hold them: an element enables a unit in install.d, and makes other links there as well."""
    links = [path for package in PACKAGES for path in (PROJECT / package).rglob("*") if path.is_symlink()]
    assert not links


def unit_of(module: str, packages: set[str]) -> str:
    """Return the innermost package without packages below it that holds a module, or the module itself."""
    package = module if module in packages else module.rpartition(".")[0]
    has_children = any(other.startswith(f"{package}.") for other in packages)
    return module if has_children else package


def test_no_circle_between_packages_at_any_depth() -> None:
    """A folder that holds folders counts by its modules, a folder without any as a whole."""
    modules = {}
    for package in PACKAGES:
        for path in (PROJECT / package).rglob("*.py"):
            parts = path.relative_to(PROJECT).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    packages = {name for name, path in modules.items() if path.name == "__init__.py"}
    graph: dict[str, set[str]] = {}
    for name, path in modules.items():
        unit = unit_of(name, packages)
        # A package's own file runs before its modules are imported and says nothing of their order.
        targets = {
            unit_of(target, packages) for target in imports_of(path, for_types=False) & modules.keys() if target not in packages
        }
        graph.setdefault(unit, set()).update(targets - {unit})
    graphlib.TopologicalSorter(graph).prepare()


def test_folders_and_functions_stay_small() -> None:
    for package in PACKAGES:
        for folder in {path.parent for path in (PROJECT / package).rglob("*.py")}:
            assert len(list(folder.glob("*.py"))) <= 18, folder
        for path in (PROJECT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef):
                    assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


def test_names_of_test_modules_are_unique() -> None:
    """Unit and integration tests run together for the coverage, and pytest imports test modules by their bare names."""
    names = [path.name for path in (PROJECT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
