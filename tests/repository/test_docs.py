"""The documentation: its blocks run and print what the pages show, links lead somewhere, no public name is missing."""

import importlib
import importlib.util
import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from factories.modules import load

import mixlaw
from mixlaw.cli import app as cli

ROOT = Path(__file__).resolve().parents[2]


docs = load(ROOT / "analysis" / "benchmarks" / "docs.py")
PAGES = sorted(docs.PAGES.rglob("*.md"))


def shell(line: str) -> tuple[int, str]:
    """A line in this folder; `mixlaw` in this process, which has compiled its laws already."""
    words = shlex.split(line)
    if words[0] != "mixlaw":
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
        patch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as stop:
            cli.main()
    return int(stop.value.code or 0), printed.getvalue()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder for the pages' folders, and which of them have been made."""
    return tmp_path_factory.mktemp("docs"), {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_do_what_the_page_shows(page, folders):
    root, left = folders
    if page not in left:
        docs.run_after(page, root / page.stem, shell, False, left)


def one(tmp_path: Path, text: str) -> list[str]:
    """Run a page of this text."""
    page, folder = tmp_path / "page.md", tmp_path / "folder"
    page.write_text(text, encoding="utf-8")
    folder.mkdir()
    return docs.run_page(page, folder, docs.in_shell, False)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("```python\nprint(1.00)\n```\n```text\n1.05\n```\n", "page.md:4: the page shows\n1.05"),
        ("```python\nprint('a\\nb')\n```\n```text\na\n```\n", "more was printed"),
        ("```python\nprint('a')\n```\n```text\na\nb\n```\n", "the page shows\na\nb"),
        ("```console\n$ echo one\ntwo\n```\n", "the page shows\ntwo"),
        ("```console\n$ false\n```\n", "ended with 1"),
        ("```console\n$ true  # exit 2\n```\n", "ended with 0"),
        ("```bash\nls\n```\n", "'bash' would not be run"),
        ("```\nls\n```\n", "'' would not be run"),
        ("    ```console\n    $ ls\n    ```\n\n```python\n", "not closed"),
        ("<!-- fast -->\n```python\n1\n```\n", "unknown mark"),
    ],
)
def test_a_block_that_does_not_is_found(tmp_path, text, wrong):
    with pytest.raises(docs.MismatchError, match=re.escape(wrong)):
        one(tmp_path, text)


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        ("a 1\nb\nb\nc\n", True),
        ("a 1.01\n...\n", True),
        ("a 1\n...\nb\nc\n", True),
        ("...\nb\n...\nc\n", True),
        ("...\n", True),
        ("...\nb\n", False),
        ("b\n...\n", False),
        ("a 1\n...\nb\nb\nb\nc\n", False),
        ("a 1\nb\nb\nc\nc\n", False),
        ("a 2\n...\n", False),
        ("c\n...\nc\n", False),
        ("", False),
    ],
)
def test_dots_stand_for_any_lines_and_nothing_else(shown, same):
    if same:
        docs.compare(shown, "a 1\nb\nb\nc\n", "here")
    else:
        with pytest.raises(docs.MismatchError):
            docs.compare(shown, "a 1\nb\nb\nc\n", "here")


def test_files_and_names_stay_and_what_is_slow_is_left_out(tmp_path):
    ran = one(
        tmp_path,
        '```yaml title="a.yaml"\nx: 1\n```\n```console\n$ cat a.yaml\nx: 1.01\n$ printf "a\\nb\\nc"\n...\nc\n```\n'
        "<!-- slow -->\n```python\nraise ValueError\n```\n```text\nnever\n```\n"
        "```python\ny = 2\n```\n```python\nprint(y)\n```\n```text\n2\n```\n",
    )
    assert [line.split()[1] for line in ran] == ["yaml", "console", "python", "python", "text"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pictures_are_written_by_a_block(page):
    written = "".join(block.text for block in docs.blocks(page) if block.language == "python")
    for name in docs.PICTURE.findall(page.read_text(encoding="utf-8")):
        assert f'"{name}")' in written.replace(",\n)", ")"), name


def test_links_of_pages_outside_the_documentation_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *ROOT.glob("analysis/*.md")]:
        for link in re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_public_name_is_on_the_page_of_python():
    listed = re.findall(r"^::: (\S+)$", (docs.PAGES / "python.md").read_text(encoding="utf-8"), re.MULTILINE)
    packages = {f"mixlaw.{name}" for name in ("appraisal", "changes", "figures", "projector", "reports", "transport")}
    assert packages <= set(listed)
    public = [(package, name) for package in packages for name in importlib.import_module(package).__all__]
    within = {name for _, name in public}
    alone = {name.rpartition(".")[2] for name in listed if name not in packages}
    assert set(mixlaw.__all__) <= within | alone
    # mkdocstrings takes such a name for the module that bears it too
    hidden = {name for package, name in public if importlib.util.find_spec(f"{package}.{name}")}
    assert within & alone == hidden
