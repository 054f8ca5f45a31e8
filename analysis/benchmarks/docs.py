"""The documentation's blocks, run as a reader would: every one of analysis/docs, those that train proxies too.

A page is run from top to bottom in a folder of its own; `starts: example.md` in its head gives it what that page left,
`starts: ../example` a copy of that folder.
By the language of a fenced block:
    yaml, csv, json, text with title="NAME"   written to the file NAME
    python                                    run, all of a page in one namespace; a `text` block after it: its output
    console                                   lines after `$ ` are run in the shell, the others are their output
Output must be what the page shows: the same words, and numbers within 2% or one in their last digit (whole numbers
below 10: exactly); a line `...` stands for any lines. `# exit 2` after a command is the code that it ends with. A
comment before a block marks it:
    <!-- slow -->           trains proxies, or refits laws often: left to this command, the tests run the others
    <!-- output varies -->  its output is not compared: trained numbers differ from machine to machine
Both: <!-- slow, output varies -->. Any other block is an error, so none is there that is not run. A picture that a page
shows, figures/NAME.png, is written by a block of it as NAME.png; --pictures keeps what was written.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PAGES = Path(__file__).resolve().parents[1] / "docs"
FENCE = re.compile(r"^(?:<!-- (?P<marks>.*) -->\n\n?)?```(?P<info>.*)\n(?P<text>(?:(?!```).*\n)*?)```$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
FILES = ("yaml", "csv", "json", "text")
MARKS = {"slow", "output varies"}
PICTURE = re.compile(r"!\[[^\]]+\]\(figures/([^)/]+)\)")

Shell = Callable[[str], tuple[int, str]]
"""Runs one line in the current folder: its exit code, and what it printed."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its place, its language, the file that it is (None: it is run), its text and its marks."""

    where: str
    language: str
    file: str | None
    text: str
    marks: frozenset[str]


class MismatchError(AssertionError):
    """A block did not do what its page shows."""


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in its order.

    Raises:
        MismatchError: a block is of no kind that is run, or bears an unknown mark.
    """
    text, found = page.read_text(encoding="utf-8"), []
    for match in FENCE.finditer(text):
        where = f"{page.name}:{text.count(chr(10), 0, match.start('info')) + 1}"
        language, _, rest = match["info"].partition(" ")
        title = re.fullmatch(r'title="([^"/]+)"', rest.strip())
        marks = frozenset(mark.strip() for mark in (match["marks"] or "").split(",")) - {""}
        if not marks <= MARKS:
            raise MismatchError(f"{where}: unknown mark {sorted(marks - MARKS)}")
        after = found[-1].language if found else None
        if title and language in FILES:
            found.append(Block(where, language, title[1], match["text"], marks))
        elif not rest and (language in ("python", "console") or (language == "text" and after == "python")):
            found.append(Block(where, language, None, match["text"], marks))
        else:
            raise MismatchError(f"{where}: a block '{match['info']}' would not be run")
    if len(re.findall("^```", text, re.MULTILINE)) != 2 * len(found):
        raise MismatchError(f"{page.name}: a fence is not closed, or not at the start of its line")
    return found


def starts(page: Path) -> Path | None:
    """The page whose folder this one goes on with, or a folder itself; None where it begins with nothing."""
    head = re.match(r"---\nstarts: (.+)\n---\n", page.read_text(encoding="utf-8"))
    return page.parent / head[1] if head else None


def compare(shown: str, printed: str, where: str) -> None:
    """Raises MismatchError if the lines shown are not those printed; a line `...` stands for any.

    Lines of progress, which a slow machine prints once a minute, are left out.
    """
    lines, at = [line for line in printed.splitlines() if not re.search(r", \d+:\d\d so far$", line)], 0
    parts = [part.splitlines() for part in re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)]
    parts[1:] = [part[1:] for part in parts[1:]]  # what is left of the line `...` itself
    for i, part in enumerate(parts):
        last = len(lines) - len(part)
        first = last if i and i == len(parts) - 1 else at
        ends = range(max(first, at), (last if i else 0) + 1)
        found = next((end for end in ends if all(map(alike, part, lines[end : end + len(part)]))), None)
        if found is None or found > last:
            raise MismatchError(f"{where}: the page shows\n" + "\n".join(part) + f"\nbut this was printed:\n{printed}")
        at = found + len(part)
    if len(parts) == 1 and at < len(lines):
        raise MismatchError(f"{where}: more was printed than the page shows:\n{printed}")


def alike(shown: str, printed: str) -> bool:
    """Whether two lines have the same words and nearly the same numbers."""
    if NUMBER.sub("#", shown).split() != NUMBER.sub("#", printed).split():
        return False
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(printed), strict=True)
    return all(abs(value(a) - value(b)) <= max(0.02 * abs(value(a)), digit(a)) for a, b in pairs)


def value(number: str) -> float:
    """The number that is written."""
    return float(number.replace(",", ""))


def digit(number: str) -> float:
    """What one in the last digit is worth, 0 for a whole number below 10; at least 1e-9, as gaps are noise."""
    mantissa, _, exponent = number.partition("e")
    if number.lstrip("+-").isdigit() and abs(value(number)) < 10:
        return 0.0
    return max(10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2])), 1e-9)


def run_page(page: Path, folder: Path, shell: Shell, slow: bool) -> list[str]:
    """Run a page's blocks in `folder`; the places of those that ran, with their seconds. `slow`: those marked so too.

    Raises:
        MismatchError: a command ends with another code, or the output is not the page's.
    """
    names: dict[str, Any] = {"__name__": "page"}
    ran, printed = [], None
    with contextlib.chdir(folder):
        for block in blocks(page):
            if "slow" in block.marks and not slow:
                printed = None
                continue
            began = time.perf_counter()
            if block.file is not None:
                Path(block.file).write_text(block.text, encoding="utf-8")
            elif block.language == "console":
                _console(block, shell)
            elif block.language == "python":
                with contextlib.redirect_stdout(io.StringIO()) as out:
                    exec(compile(block.text, block.where, "exec"), names)
                printed = out.getvalue()
            elif printed is None:
                continue  # the output of a block that was left out
            elif "output varies" not in block.marks:
                compare(block.text, printed, block.where)
            ran.append(f"{block.where} {block.language} {time.perf_counter() - began:.1f} s")
    return ran


def _console(block: Block, shell: Shell) -> None:
    for step in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, shown = step.replace("\\\n", "").partition("\n")
        command, _, code = line.partition("# exit ")
        ended, printed = shell(command.strip())
        if ended != int(code or 0):
            raise MismatchError(f"{block.where}: `{command}` ended with {ended}:\n{printed}")
        if "output varies" not in block.marks:
            compare(shown, printed, block.where)


def run_after(page: Path, folder: Path, shell: Shell, slow: bool, left: dict[Path, Path]) -> list[str]:
    """`run_page` in `folder`, made from what the page's start left; `left` holds the folders of pages that have run."""
    before = starts(page)
    if before is not None:
        if before.is_dir():
            left[before] = before
        if before not in left:
            run_after(before, folder.with_name(before.stem), shell, slow, left)
        shutil.copytree(left[before], folder)
    else:
        folder.mkdir()
    left[page] = folder
    return run_page(page, folder, shell, slow)


def keep_pictures(page: Path, folder: Path) -> None:
    """Copy the pictures that a page shows from its folder to where it shows them.

    Raises:
        MismatchError: its blocks have written no such file.
    """
    for name in PICTURE.findall(page.read_text(encoding="utf-8")):
        if not (folder / name).exists():
            raise MismatchError(f"{page.name}: no block has written {name}")
        shutil.copy(folder / name, page.parent / "figures" / name)


def in_shell(line: str) -> tuple[int, str]:
    """A line in bash, with this environment's programs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-c", line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout


def main() -> None:
    """Run all pages, or those named, and say what ran."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="file names of pages, such as tutorial.md; all by default")
    parser.add_argument("--fast", action="store_true", help="without the blocks marked slow, as the tests do")
    parser.add_argument("--pictures", action="store_true", help="put the pictures that blocks write into the pages")
    options = parser.parse_args()
    pages = [PAGES / name for name in options.pages] or sorted(PAGES.rglob("*.md"))
    left: dict[Path, Path] = {}
    failed = 0
    with tempfile.TemporaryDirectory() as root:
        for page in pages:
            try:
                folder = Path(root) / page.stem
                if page not in left:
                    print(*run_after(page, folder, in_shell, not options.fast, left), sep="\n", flush=True)
                if options.pictures:
                    keep_pictures(page, left[page])
            except MismatchError as wrong:
                failed += 1
                print(f"FAILED {wrong}", flush=True)
    print(f"{len(pages)} pages, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
