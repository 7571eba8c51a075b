"""``dom0kit image`` and ``dom0kit recipe``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dom0kit.arguments.paths import existing_file, output_folder
from dom0kit.cli import Add
from dom0kit.events import Reporter, TerminalSink, json_sink
from image import build, recipe
from prepare.machine import require_builder

CACHE_HELP = "package cache; default: $DOM0KIT_CACHE, or dom0kit in the user's cache folder"


def register(add: Add) -> None:
    """Register the commands of this package."""
    add(
        "image",
        "build the dom0 image (Xen, kernel, initramfs, squashfs)",
        configure_build,
        make,
        example="dom0kit image --release",
    )
    add(
        "recipe",
        "check the recipe and show it as it is understood",
        _configure_recipe,
        _show_recipe,
        example="dom0kit recipe --recipe my-recipe.toml",
    )


def default_cache() -> Path:
    """Return the folder of downloaded packages: DOM0KIT_CACHE, or dom0kit in the user's cache (XDG base directories)."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("DOM0KIT_CACHE") or Path(cache) / "dom0kit")


def configure_build(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has which builds an image."""
    parser.add_argument(
        "--recipe", type=existing_file, default=recipe.DEFAULT_RECIPE, metavar="FILE", help="default: the recipe of dom0kit"
    )
    parser.add_argument(
        "--build", type=output_folder, default=Path("build"), metavar="DIR", help="where results go; default: build"
    )
    parser.add_argument("--cache", type=output_folder, default=default_cache(), metavar="DIR", help=CACHE_HELP)
    parser.add_argument("--release", action="store_true", help="the compression that gives the smallest image (slow)")
    parser.add_argument("--refresh", action="store_true", help="fetch newer package lists first")
    parser.add_argument("--force", action="store_true", help="build even when nothing has changed")


def options(arguments: argparse.Namespace) -> build.Options:
    """Build options from parsed arguments."""
    folder: Path = arguments.build
    return build.Options(
        recipe=arguments.recipe,
        output=folder / ("image-release" if arguments.release else "image"),
        work=folder.resolve() / "work",
        cache=arguments.cache,
        release=arguments.release,
        refresh=arguments.refresh,
        force=arguments.force,
    )


def reporter(folder: Path) -> Reporter:
    """Events of a build: to the terminal, and to build/events.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    return Reporter("build", [TerminalSink(), json_sink(folder / "events.jsonl")])


def make(arguments: argparse.Namespace) -> int:
    """Build the image folder."""
    require_builder()
    events = reporter(arguments.build)
    build.build(options(arguments), events)
    if events.times:
        print(events.time_table())
    return 0


def _configure_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipe", type=existing_file, default=recipe.DEFAULT_RECIPE, metavar="FILE", help="default: the recipe of dom0kit"
    )


def _show_recipe(arguments: argparse.Namespace) -> int:
    print(recipe.load(arguments.recipe).model_dump_json(indent=2))
    return 0
