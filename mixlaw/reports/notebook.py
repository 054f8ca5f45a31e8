"""Build and execute notebooks; the planning notebook of a folder that `recommend --out` wrote.

Cells are kept as Python in the percent format (`# %%` begins one, `# %% [markdown]` one of text, in comments), which is
linted and compared like any code. The output is reproducible: it contains no execution times and no random names.
"""

import asyncio
import os
import re
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mixlaw.errors import MixlawError
from mixlaw.planning.plan import read_plan
from mixlaw.reports.inputs import Predicted

if TYPE_CHECKING:
    from nbformat import NotebookNode

KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
LANGUAGE = {"language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}}
MARK = re.compile(r"^# %%( \[markdown\])?\n", re.MULTILINE)
TEMPLATE = "planning.py"
TIMEOUT = 1800
"""Time limit of one cell, seconds."""


class NotebookSkippedError(MixlawError):
    """A notebook ended with SystemExit and a message because its input is missing."""


def template() -> str:
    """Source of the planning notebook, in the percent format."""
    return files("mixlaw.reports").joinpath("templates", TEMPLATE).read_text(encoding="utf-8")


def cells(text: str, **constants: Any) -> "NotebookNode":
    """A notebook, not executed, from Python in the percent format.

    Args:
        text: the source; text before the first cell mark is left out.
        constants: values that replace those of lines `NAME = ...` in the first code cell.

    Raises:
        MixlawError: the extra `notebooks` is not installed, or the first code cell sets no such constant.
    """
    nbformat, *_ = packages()
    parts, made = MARK.split(text)[1:], []
    for at in range(0, len(parts), 2):
        body = parts[at + 1].strip("\n")
        if parts[at]:
            new = nbformat.v4.new_markdown_cell(re.sub(r"^# ?", "", body, flags=re.MULTILINE))
        else:
            new = nbformat.v4.new_code_cell(body)
        new["id"] = f"cell-{at // 2 + 1:02d}"
        made.append(new)
    first = next(cell for cell in made if cell["cell_type"] == "code")
    for name, value in constants.items():
        first["source"], found = re.subn(
            rf"^{name} = .*?(?=  #|$)",
            lambda _, n=name, v=value: f"{n} = {v!r}",
            first["source"],
            count=1,
            flags=re.MULTILINE,
        )
        if not found:
            raise MixlawError(f"notebook: its first cell sets no {name}")
    return nbformat.v4.new_notebook(cells=made, metadata={**KERNEL, **LANGUAGE})


def execute(notebook: "NotebookNode", folder: str | Path) -> "NotebookNode":
    """Execute a notebook from first to last cell, by this Python in a separate process; returns it with outputs.

    Args:
        folder: working directory of the run; Jupyter would use the notebook's own folder.

    Raises:
        NotebookSkippedError: a cell ended with SystemExit.
        MixlawError: the extra `notebooks` is not installed, or a cell failed.
    """
    _, nbclient, jupyter, _ = packages()
    # A kernel that the user installed under the same name may run another Python.
    own = jupyter.kernelspec.KernelSpecManager(kernel_dirs=[])
    options = {"timeout": TIMEOUT, "record_timing": False, "coalesce_streams": True}
    options |= {"resources": {"metadata": {"path": str(folder)}}}
    try:
        with TemporaryDirectory(prefix="mixlaw-") as place:
            manager = jupyter.AsyncKernelManager(kernel_name="python3", kernel_spec_manager=own, **_sockets(place))
            client = nbclient.NotebookClient(notebook, km=manager, **options)
            asyncio.run(client.async_execute(cleanup_kc=True))
    except nbclient.exceptions.CellExecutionError as error:
        if error.ename == "SystemExit":
            raise NotebookSkippedError(str(error.evalue)) from None
        at = next(i for i, cell in enumerate(notebook["cells"], 1) if _failed(cell))
        told = f"{error.ename}: " * (error.ename != "MixlawError") + " ".join(str(error.evalue).split())
        raise MixlawError(f"notebook: cell {at} failed: {told}") from None
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    notebook["metadata"] = {**KERNEL, **LANGUAGE}
    return notebook


def plan_notebook(
    folder: str | Path, at: str | Path, *, leaderboard: str | Path | None = None, held_out: bool = True
) -> "NotebookNode":
    """The planning notebook of a folder that `mixlaw recommend --out` wrote, executed.

    Args:
        folder: contains plan.json, and optionally fit.json, runs.csv and leaderboard.json.
        at: the folder of the notebook, which refers to `folder` by a path relative to it.
        leaderboard, held_out: as for `mixlaw.report`.

    Raises:
        MixlawError: the folder has no plan or one made without runs, the extra `notebooks` is not installed, or a cell
            failed.
    """
    folder, at = Path(folder), Path(at).resolve()
    Predicted.of(read_plan(folder / "plan.json"), str(folder / "plan.json"))  # raises before a process is started
    board = None if leaderboard is None else _seen_from(at, leaderboard)
    made = cells(template(), FOLDER=_seen_from(at, folder), LEADERBOARD=board, HELD_OUT=held_out)
    return execute(made, at)


def save(notebook: "NotebookNode", path: str | Path) -> None:
    """Write an .ipynb file.

    Raises:
        OSError: it cannot be written.
    """
    Path(path).write_text(packages()[0].writes(notebook) + "\n", encoding="utf-8")


def packages() -> tuple[Any, ...]:
    """Import the packages that make notebooks: nbformat, nbclient, jupyter_client, ipykernel.

    Raises:
        MixlawError: one is not installed.
    """
    from importlib import import_module

    try:
        return tuple(import_module(name) for name in ("nbformat", "nbclient", "jupyter_client", "ipykernel"))
    except ImportError as error:
        raise MixlawError(f"notebooks need {error.name}: pip install 'mixlaw[notebooks]'") from None


def _sockets(place: str) -> dict[str, str]:
    """Connect to the kernel by Unix sockets in a private folder if the system has them; other users could read TCP."""
    return {"transport": "ipc", "ip": f"{place}/kernel"} if os.name == "posix" else {}


def _seen_from(at: Path, path: str | Path) -> str:
    return Path(os.path.relpath(Path(path).resolve(), at)).as_posix()


def _failed(cell: "NotebookNode") -> bool:
    return any(output["output_type"] == "error" for output in cell.get("outputs", ()))
