"""A report as Markdown, JSON or CSV, and the conditions that a figure depends on."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import torch

from napari_pmrnet.benchmark.clock import Report
from napari_pmrnet.models.model import Model

PACKAGES = ("napari-pmrnet", "torch", "openvino", "numpy", "scipy")
TITLES = ("median, s", "fastest, s", "CPU, s", "times", "threads")


def conditions(
    model: Model, rounds: int, packages: tuple[str, ...] = ()
) -> dict[str, str]:
    """Facts that a figure depends on.

    Parameters
    ----------
    model : Model
    rounds : int
        Turns that a candidate took.
    packages : tuple of str
        Distributions whose versions count beside `PACKAGES`.
    """
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    gpu = (
        {"GPU": torch.cuda.get_device_name(model.device)}
        if model.device.type == "cuda"
        else {}
    )
    return {
        "date": f"{date.today():%Y-%m-%d}",
        "processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        **gpu,
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "load at the end": load,
        "system": f"{platform.system()} {platform.machine()}",
        "backend": model.runs_on,
        "type": model.backend.dtype,
        "versions": ", ".join(_versions((*PACKAGES, *packages))),
        "weights": f"{model.name} {model.card.sha256[:12]}",
        "rounds": str(rounds),
    }


def _processor() -> str:
    """Name of the processor, as the system gives it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _versions(packages: tuple[str, ...]) -> Iterator[str]:
    """Name and version of every package, or that it is not installed."""
    for package in packages:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            yield f"{package} not installed"


def as_markdown(report: Report) -> str:
    """Conditions, then tables in seconds."""
    lines = [f"- {name}: {value}" for name, value in report.conditions.items()]
    for title, rows in report.tables.items():
        lines += ["", f"| {title} | {' | '.join(TITLES)} | |"]
        lines.append("| --- " * (len(TITLES) + 2) + "|")
        for row in rows:
            figures = (_three(number) for number in row[1:-1])
            lines.append(f"| {row.what} | {' | '.join(figures)} | {row.note} |")
    return "\n".join(lines) + "\n"


def _three(number: float | None) -> str:
    """A number with three digits that count; empty for none."""
    if number is None or isinstance(number, int):
        return "" if number is None else str(number)
    return f"{number:.0f}" if number >= 100 else f"{number:#.3g}"


def as_json(report: Report) -> str:
    """Conditions, and tables as lists of rows by the names of `Row`'s fields."""
    tables = {
        title: [row._asdict() for row in rows] for title, rows in report.tables.items()
    }
    whole = {"conditions": report.conditions, "tables": tables}
    return json.dumps(whole, indent=2) + "\n"


def as_csv(report: Report) -> str:
    """One line a row, with the title of its table, without the conditions."""
    rows = [
        {"table": title, **row._asdict()}
        for title, table in report.tables.items()
        for row in table
    ]
    return pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")


_WRITERS = {".json": as_json, ".csv": as_csv}


def writer(path: Path) -> Callable[[Report], str]:
    """What makes the text of a file, by its ending: Markdown unless it is another."""
    return _WRITERS.get(path.suffix.lower(), as_markdown)
