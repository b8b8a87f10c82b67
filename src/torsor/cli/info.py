"""``torsor info``: versions, devices, threads, extras."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch
from rich.console import Console
from rich.table import Table

EXTRAS = {
    "train": ("lightning", "rich", "tensorboard"),
    "cli": ("typer", "rich"),
    "plot": ("matplotlib",),
}


def info() -> None:
    """Show versions, devices, threads and the extras that are installed."""
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in facts().items():
        table.add_row(name, value)
    Console().print(table)


def facts() -> dict[str, str]:
    """What ``torsor info`` shows."""
    return {
        "torsor": _version("torsor"),
        "python": f"{platform.python_version()} ({sys.platform}, {platform.machine()})",
        "torch": torch.__version__,
        "numpy": _version("numpy"),
        "devices": ", ".join(devices()),
        "threads": f"{torch.get_num_threads()}, and {torch.get_num_interop_threads()} between operations",
        **{f"extra {extra}": _extra(extra) for extra in EXTRAS},
    }


def devices() -> list[str]:
    """The CPU, and every accelerator with its name where there is one."""
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None:
        return ["cpu"]
    names = [f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count())]
    if accelerator.type == "cuda":
        names = [f"{name} ({torch.cuda.get_device_name(i)})" for i, name in enumerate(names)]
    return ["cpu", *names]


def _extra(extra: str) -> str:
    missing = [module for module in EXTRAS[extra] if importlib.util.find_spec(module) is None]
    if missing:
        return f'without {", ".join(missing)}: pip install "torsor[{extra}]"'
    return ", ".join(f"{module} {_version(module)}" for module in EXTRAS[extra])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
