"""The command line: ``torsor train | check | taxonomy | plot | info``."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

from torsor.errors import TorsorError, require

USER, INTERRUPTED = 2, 130  # exit codes


def main(arguments: Sequence[str] | None = None) -> None:
    """The entry point: runs a command and exits."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run a command; whatever is wrong with what was asked is one line on standard error and code 2."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _dispatch(arguments)
        if code == INTERRUPTED:  # so typer reports Ctrl-C
            raise KeyboardInterrupt
        return code
    except KeyboardInterrupt:
        return _fail("interrupted; the same command goes on from the last checkpoint", INTERRUPTED)
    except (TorsorError, OSError) as error:
        return _fail(str(error))
    except Exception as error:
        complaint = getattr(error, "format_message", None)  # of typer's and click's usage errors
        if complaint is None:
            raise
        return _fail(f"{complaint()} (torsor --help)")


def _dispatch(arguments: Sequence[str]) -> int:
    require("typer", "cli")
    require("rich", "cli")
    from torsor.cli.app import app

    return app(list(arguments) or ["--help"], prog_name="torsor", standalone_mode=False) or 0


def _fail(message: str, code: int = USER) -> int:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    print("warning: " + " ".join(str(message).split()), file=sys.stderr)
