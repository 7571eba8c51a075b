"""The geometry of the report's pictures. Pure functions.

A timeline's places are percentages of its width and its width is minutes times a scale that the page sets once: all
timelines have one scale, and zooming computes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qa.report.timeline import Lane, Segment

ROW = 26
"""Height of a lane in pixels."""
AXIS = 20
"""Height of the axis in pixels."""
SPARK_WIDTH, SPARK_HEIGHT = 90, 22
LABELS = 30
"""Labels of the axis at most."""


@dataclass(frozen=True)
class Box:
    """A segment in the picture: place and width in percent, top and height in pixels."""

    segment: Segment
    machine: str
    x: float
    width: float
    y: float
    height: float
    at: float
    """Seconds since the machine's power-on, for the player."""


@dataclass(frozen=True)
class Tick:
    """A minute on the axis: place in percent; ``label`` is empty where it does not fit."""

    x: float
    label: str


@dataclass(frozen=True)
class Timeline:
    """All of a scenario's picture; ``minutes`` is its width."""

    minutes: float
    height: int
    ticks: tuple[Tick, ...]
    boxes: tuple[Box, ...]
    lanes: tuple[Lane, ...]


def timeline(drawn: Sequence[Lane], seconds: float) -> Timeline:
    """Return the picture of a scenario's lanes; it is as wide as the whole minutes that hold them."""
    minutes = max(1, math.ceil(seconds / 60))
    whole = minutes * 60.0
    boxes = []
    for row, lane in enumerate(drawn):
        top = AXIS + row * ROW
        for segment in lane.segments:
            inset = 6 if segment.kind.endswith("-step") else 2
            boxes.append(
                Box(
                    segment,
                    lane.machine,
                    round(100 * segment.start / whole, 4),
                    round(100 * segment.seconds / whole, 4),
                    top + inset,
                    ROW - 2 * inset,
                    round(max(0.0, segment.start - lane.offset), 1),
                )
            )
    every = next(step for step in (1, 5, 10, 30, 60, minutes) if minutes / step <= LABELS)
    ticks = [Tick(round(100 * m / minutes, 4), str(m) if m % every == 0 else "") for m in range(minutes)]
    return Timeline(minutes, AXIS + ROW * len(drawn), tuple(ticks), tuple(boxes), tuple(drawn))


@dataclass(frozen=True)
class Spark:
    """A trend: the points of a line, and each run's place with its result."""

    points: str
    dots: tuple[tuple[float, float, str], ...]


def spark(runs: Sequence[tuple[float, str]]) -> Spark:
    """Return the trend of durations.

    :param runs: seconds and result of each run, the oldest first.
    """
    most = max((seconds for seconds, _ in runs), default=0.0) or 1.0
    step = (SPARK_WIDTH - 6) / max(1, len(runs) - 1)
    places = [
        (round(3 + index * step, 1), round(SPARK_HEIGHT - 3 - (SPARK_HEIGHT - 6) * seconds / most, 1), result)
        for index, (seconds, result) in enumerate(runs)
    ]
    return Spark(" ".join(f"{x},{y}" for x, y, _ in places), tuple(places))
