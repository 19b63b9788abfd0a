"""The golden drawings. After a wanted change, look at the new page, then renew them: `python tests/reports_golden.py`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

import over_time_support
import past_support
import why_support
from farm_reports.charts import forest, icons, tradeoff, violins
from farm_reports.charts.gauge import gauge
from farm_reports.charts.svg import Log

FOLDER = Path(__file__).parent / "reports" / "golden"
TIMES = {"fp32": 4.0, "int8": 1.7, "distilled": 0.6}


def drawings() -> dict[str, str]:
    """Every chart at every width it has, from fixed data."""
    found = {
        "gauge": gauge(0.8, "good", "Latency p50: worst 24 ms, limit 30 ms"),
        "forest-axis": forest.axis_row(_scale(), "fp32"),
        "forest-baseline": forest.row(_scale(), None),
        "forest-gated": forest.row(_scale(), _estimates()[0]),
        "forest-pooled": forest.pooled_row(_scale(), _pooled()),
        "badge": icons.badge("check", "good"),
        "violins-wide": violins.violins(_shapes(), "ms", "distilled is the fastest", violins.WIDE),
        "violins-narrow": violins.violins(_shapes(), "ms", "distilled is the fastest", violins.NARROW),
    }
    scope = tradeoff.Scope("ms", "%", 98.7, "int8 is the one to ship")
    frames = {"wide": tradeoff.WIDE, "narrow": tradeoff.NARROW, "small": tradeoff.SMALL, "medium": tradeoff.MEDIUM,
              "third": tradeoff.THIRD}  # fmt: skip
    return {
        **{name: str(drawing) for name, drawing in found.items()},
        **over_time_support.drawings(),
        **past_support.drawings(),
        **why_support.drawings(),
        **{f"tradeoff-{name}": str(tradeoff.tradeoff(_bubbles(), scope, frame)) for name, frame in frames.items()},
        "tradeoff-energy": str(tradeoff.tradeoff(_with_energy(), scope, tradeoff.SMALL)),
    }


def _estimates() -> list[forest.Estimate]:
    return [
        forest.Estimate(2.35, 2.2, 2.5, "faster", "int8: 2.35 x", gate=(2.1, 2.6)),
        forest.Estimate(0.5, 0.49, 0.52, "slower", "dynamic: 0.5 x"),
    ]


def _pooled() -> forest.Pooled:
    finding = "int8: 2.4 x on average over 3 boards"
    return forest.Pooled((0.8, 0.95, 1.3), "rpi5: 1.9 x\nnano: 2.3 x\nrock: 3.1 x", (0.7, 1.4), (0.2, 9.0), finding)


def _scale() -> Log:
    return forest.axis(_estimates())


def _shapes() -> list[violins.Shape]:
    return [_shape(name, median) for name, median in sorted(TIMES.items(), key=lambda item: item[1])]


def _shape(name: str, median: float) -> violins.Shape:
    values = median * np.exp(np.linspace(-0.1, 0.12, 200) ** 3 * 40)
    grid, density = violins.density(values)
    p5, q25, q75, p95 = (float(value) for value in np.quantile(values, (0.05, 0.25, 0.75, 0.95)))
    return violins.Shape(
        variant=name,
        median=median,
        p99=median * 1.06 if name != "fp32" else None,
        quartiles=(q25, q75),
        p5_p95=(p5, p95),
        grid=grid,
        density=density,
        label=f"{median:.2f} ms",
        note="ship" if name == "int8" else "",
        finding=f"{name}: median {median:.2f} ms",
        colour="mute" if name == "distilled" else "accent",
        strong=name == "int8",
    )


def _bubbles() -> list[tradeoff.Bubble]:
    return [
        tradeoff.Bubble("fp32", 4.0, 99.6, "fp32"),
        tradeoff.Bubble("int8", 1.7, 99.4, "int8", shipped=True),
        tradeoff.Bubble("distilled", 0.6, 97.6, "distilled", ruled_out=True),
        tradeoff.Bubble("screened", 5.0, 98.0, "screened", hollow=True),
    ]


def _with_energy() -> list[tradeoff.Bubble]:
    return [replace(bubble, share=share) for bubble, share in zip(_bubbles(), (1.0, 0.4, 0.1, 0.9), strict=True)]


def renew() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, drawing in drawings().items():
        (FOLDER / f"{name}.svg").write_text(drawing + "\n", encoding="utf-8")


if __name__ == "__main__":
    renew()
