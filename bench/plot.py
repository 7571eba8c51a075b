"""Draw what a boot costs over versions, as SVG. Pure: the same results give the same text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 40, 60
COLORS = ("#0b6e4f", "#b5541c", "#3d5a98", "#8a2f6b")


def series(results: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Return for each kind of boot its points: the result's place in ``results``, and 10**9 instructions."""
    found: dict[str, list[tuple[int, float]]] = {}
    for place, result in enumerate(results):
        for name, boot in sorted(result["boots"].items()):
            found.setdefault(name, []).append((place, boot["instructions"] / 1e9))
    return found


def _text(x: float, y: float, text: str, **more: str) -> str:
    attributes = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{escape(text)}</text>'


def svg(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the plot of results in their order; each has ``name`` and ``boots``, see docs/how-to/measure-a-boot.md."""
    lines = series(results)
    top = max((value for points in lines.values() for _, value in points), default=1.0) * 1.1
    across, up = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(place: int) -> float:
        return LEFT + across * (place / (len(results) - 1) if len(results) > 1 else 0.5)

    def y(value: float) -> float:
        return TOP + up * (1 - value / top)

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, "Guest instructions from power-on to a confirmed host, in 10^9", font_size="14"),
    ]
    for part in range(5):
        value = top * part / 4
        out.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#dddddd"/>')
        out.append(_text(LEFT - 6, y(value) + 4, f"{value:.0f}", text_anchor="end"))
    for place, result in enumerate(results):
        out.append(_text(x(place), HEIGHT - BOTTOM + 20, str(result["name"]), text_anchor="middle"))
    for number, (name, points) in enumerate(sorted(lines.items())):
        color = COLORS[number % len(COLORS)]
        path = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out += [f'<circle cx="{x(place):.1f}" cy="{y(value):.1f}" r="3.5" fill="{color}"/>' for place, value in points]
        place, value = points[-1]
        out.append(_text(x(place) + 10, y(value) + 4, f"{name} {value:.1f}", fill=color))
    return "\n".join([*out, "</svg>"]) + "\n"
