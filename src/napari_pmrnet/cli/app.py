"""The command ``napari-pmrnet``: segment, train, evaluate, benchmark.

Heavy modules are imported by the command that needs them, so that help is instant.
"""

from __future__ import annotations

import logging

import typer

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet._software import misfit
from napari_pmrnet.cli.data import app as data_app
from napari_pmrnet.cli.evaluate import benchmark, evaluate
from napari_pmrnet.cli.finetune import finetune
from napari_pmrnet.cli.models import app as models_app
from napari_pmrnet.cli.review import review
from napari_pmrnet.cli.segment import segment
from napari_pmrnet.cli.shared import (
    complain,
    errors,
    print_any_name,
)
from napari_pmrnet.cli.train import train
from napari_pmrnet.errors import PMRNetError

app = typer.Typer(
    help="Segment cell nuclei with PMRNet.", no_args_is_help=True, add_completion=False
)
for command in (finetune, segment, review, train, evaluate, benchmark):
    app.command()(command)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")


class _Warnings(logging.Handler):
    """Prints what is logged in yellow, above a progress bar that is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record), style="yellow")


def main() -> None:
    """Entry point of the console script."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[_Warnings()]
    )
    print_any_name()
    keep_freed_memory()
    try:
        app()
    except Exception as error:
        told = error if isinstance(error, PMRNetError) else misfit(error, "The command")
        if told is None:
            raise
        errors.print(f"Error: {told}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from error
