"""Renews the printed results in README.md and in the pages: ``python docs/outputs.py [page.md …]``.

A ``text`` block that follows a Python block holds what that block prints. All blocks of a page run in one namespace,
in an empty folder; a page whose code fails stays as it is.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import types
import warnings
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(?P<code>.*?)^```\n(?:\n```text\n(?P<text>.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def renewed(page: str) -> str:
    """The page with the results that its code prints now."""
    module = types.ModuleType("docs_page")
    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up

    def run(match: re.Match) -> str:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(match["code"], module.__dict__)
        if match["text"] is None:
            return match[0]
        lines = "".join(line.rstrip() + "\n" for line in printed.getvalue().splitlines())
        return match[0].replace(f"```text\n{match['text']}```", f"```text\n{lines}```")

    return BLOCK.sub(run, page)


def main() -> None:
    """Renew the pages that are named, or all."""
    named = [Path(name).resolve() for name in sys.argv[1:]]
    pages = named or [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for page in pages:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            before = page.read_text(encoding="utf-8")
            after = renewed(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(os.path.relpath(page))


if __name__ == "__main__":
    main()
