"""Runs the Python of README.md and of every page of the documentation, and builds the site.

The blocks of a page share one namespace and run in order, in an empty folder. Line numbers in a traceback are
those of the page. A block whose fence says `python no-run` needs a GPU or the network: it is only compiled.
"""

import os
import re
import subprocess
import sys
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [page for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if page.exists()]
FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^\n`]*)\n"
    r"(?P<code>.*?)^(?P=indent)(?P=fence)[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A Python block: its code, the line of the page where the code starts, and whether to run it."""

    code: str
    line: int
    run: bool


def blocks(text: str) -> list[Block]:
    """The fenced Python blocks of a Markdown page, in order."""
    found = []
    for match in FENCE.finditer(text):
        words = re.sub(r"[{}.]", " ", match["info"]).split()
        if words and words[0] in {"python", "py"}:
            line = text.count("\n", 0, match.start("code")) + 1
            found.append(Block(textwrap.dedent(match["code"]), line, "no-run" not in words))
    return found


def execute(page: Path, text: str) -> dict:
    """Runs the blocks of a page in one namespace and returns it; a failure shows the block and its line."""
    module = types.ModuleType("docs_page")
    sys.modules[module.__name__] = module  # dataclasses and pickle look a class's module up
    try:
        for block in blocks(text):
            try:
                code = compile("\n" * (block.line - 1) + block.code, str(page), "exec")
                if block.run:
                    exec(code, module.__dict__)
            except Exception as error:
                numbered = textwrap.indent(block.code.rstrip(), "    ")
                pytest.fail(
                    f"{page.name}, block at line {block.line}, line {_line(error, page)}: "
                    f"{type(error).__name__}: {error}\n\n{numbered}"
                )
    finally:
        del sys.modules[module.__name__]
    return module.__dict__


def _line(error: Exception, page: Path) -> int | None:
    if isinstance(error, SyntaxError):
        return error.lineno
    lines, frame = [], error.__traceback__
    while frame:
        if frame.tb_frame.f_code.co_filename == str(page):
            lines.append(frame.tb_lineno)
        frame = frame.tb_next
    return lines[-1] if lines else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page, tmp_path, monkeypatch):
    plt.switch_backend("Agg")
    monkeypatch.chdir(tmp_path)
    execute(page, page.read_text(encoding="utf-8"))
    plt.close("all")


@pytest.mark.slow
def test_site_builds(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


# ---------------------------------------------------------------------------------- the runner itself

PAGE = """\
# A page

```python
from dataclasses import dataclass

@dataclass
class A:
    x: int
```

```bash
exit 1
```

=== "A tab"

    ```python title="later blocks use earlier ones"
    a = A(1)
    if True:
        a.x = 2
    ```

```python no-run
raise RuntimeError("needs a GPU")
```
"""


def test_runner_shares_one_namespace():
    assert execute(Path("page.md"), PAGE)["a"].x == 2


def test_runner_finds_the_blocks():
    assert [(block.line, block.run) for block in blocks(PAGE)] == [(4, True), (18, True), (24, False)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n```python\nx = 1\n\ny = x + undefined\n```\n", 5),
        ("```python\nx = 1\n```\n\n```py\ndef f():\n    return 1 / 0\nf()\n```\n", 7),
        ("```python no-run\nx = (\n```\n", 2),
    ],
)
def test_runner_names_the_failing_line(text, line):
    with pytest.raises(pytest.fail.Exception, match=rf"page\.md, block at line \d+, line {line}: "):
        execute(Path("page.md"), text)
