"""Text for `mixlaw recommend --demo`, found in every installation of mixlaw; nothing is downloaded.

Six sources of different sizes from the standard library and a fixed list of core dependencies. The source that the
target of largest weight needs, `reference`, is scarce: a good plan repeats it. `tables` helps little.
"""

import ast
import importlib.metadata
import importlib.util
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

# Bytes read of each source at most, so that the demo takes the same time on every machine.
CAPS = {
    "reference": 280_000,
    "docstrings": 1_000_000,
    "python": 1_300_000,
    "c": 800_000,
    "packages": 450_000,
    "tables": 900_000,
}
DEMO_TARGETS = {"reference": 4.0, "python": 1.0, "c": 1.0}  # weights; each is the source's held-out documents
STDLIB_FOLDERS = (
    "asyncio", "concurrent", "email", "http", "idlelib", "importlib", "json", "logging", "multiprocessing",
    "tkinter", "unittest", "xml",
)  # fmt: skip
DOCUMENTED = ("numpy", "scipy", "pandas", "matplotlib", "jax")
HEADERS = ("numpy", "pyarrow", "jaxlib", "scipy")
LONGEST_HEADER = 30_000  # bytes: longer ones are mostly generated tables
DISTRIBUTIONS = (
    "fsspec", "jax", "jaxlib", "matplotlib", "numpy", "optax", "pandas", "pyarrow", "pydantic", "PyYAML",
    "rich", "scipy", "typer", "zstandard", "contourpy", "cycler", "fonttools", "kiwisolver", "pillow",
    "pyparsing", "python-dateutil", "pydantic_core", "annotated-types", "typing_extensions", "packaging",
    "ml_dtypes", "opt_einsum", "markdown-it-py", "mdurl", "Pygments", "shellingham", "absl-py",
)  # fmt: skip


def demo_documents() -> dict[str, list[str]]:
    """{source: documents}, equal on every call. Sources that this installation lacks are left out."""
    found = {
        "reference": _capped(_reference(), CAPS["reference"]),
        "docstrings": [
            text for name in DOCUMENTED for text in _capped(_docstrings(name), CAPS["docstrings"] // len(DOCUMENTED))
        ],
        "python": _capped(_python(), CAPS["python"]),
        "c": [text for name in HEADERS for text in _capped(_headers(name), CAPS["c"] // len(HEADERS))],
        "packages": _capped(_descriptions(), CAPS["packages"]),
        "tables": _capped(_tables(), CAPS["tables"]),
    }
    return {source: documents for source, documents in found.items() if documents}


def demo_targets(sources: list[str]) -> dict[str, float]:
    """Weights of the DEMO_TARGETS that are among the sources.

    >>> demo_targets(["python", "tables"])
    {'python': 1.0}
    """
    return {target: weight for target, weight in DEMO_TARGETS.items() if target in sources}


def _capped(documents: Iterator[str], cap: int) -> list[str]:
    kept: list[str] = []
    for document in documents:
        if cap <= 0:
            break
        kept.append(document[:cap])
        cap -= len(document.encode("utf-8", "surrogatepass"))
    return kept


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError):
        return ""  # not text, or not to be read: the demo does without it


def _spread(paths: list[Path]) -> list[Path]:
    """Sorted paths in a fixed mixed order, so that a cap takes of everything, not of the letter a."""
    paths = sorted(paths)
    if not paths:
        return []
    stride = next(s for s in (101, 103, 107, 109) if len(paths) % s)
    return [paths[i * stride % len(paths)] for i in range(len(paths))]


def _package(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)  # finds, does not import
    return Path(spec.origin).parent if spec and spec.origin else None


def _doc_strings_of(source: str, least: int) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's escape sequences
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    return [text for text in texts if len(text) >= least]


def _reference() -> Iterator[str]:
    """The language reference behind `help()`; where that is left out, stdlib modules' own prose."""
    try:
        from pydoc_data import topics
    except ImportError:
        entries: dict[str, str] = {}
    else:
        entries = topics.topics
    yield from (entries[name] for name in sorted(entries) if len(entries[name]) > 200)
    for path in _stdlib_files():
        yield from _doc_strings_of(_read(path), least=400)


def _docstrings(name: str) -> Iterator[str]:
    root = _package(name)
    if root is None:
        return
    for path in _spread([p for p in root.rglob("*.py") if "test" not in str(p.relative_to(root)).lower()]):
        text = "\n\n\n".join(_doc_strings_of(_read(path), least=300))
        if text:
            yield text


def _stdlib_files() -> list[Path]:
    root = Path(sysconfig.get_path("stdlib"))
    barred = {"test", "tests", "site-packages", "dist-packages", "__pycache__", "pydoc_data", "encodings"}
    folders = [root, *(root / name for name in STDLIB_FOLDERS)]
    files = [p for folder in folders for p in folder.glob("*.py")]
    return _spread([p for p in files if not barred & set(p.relative_to(root).parts)])


def _python() -> Iterator[str]:
    yield from filter(None, map(_read, _stdlib_files()))


def _headers(name: str) -> Iterator[str]:
    root = _package(name)
    if root is not None:
        files = [p for kind in ("*.h", "*.hpp", "*.cc", "*.c", "*.cpp") for p in root.rglob(kind)]
        files = [p for p in files if p.stat().st_size <= LONGEST_HEADER]
        yield from filter(None, map(_read, _spread(files)))


def _descriptions() -> Iterator[str]:
    for name in DISTRIBUTIONS:
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        text = metadata.get_payload() or metadata.get("Description") or ""  # type: ignore[attr-defined]
        if isinstance(text, str) and len(text) > 200:
            yield text


def _tables() -> Iterator[str]:
    root = _package("matplotlib")
    if root is not None:
        files = [*root.glob("mpl-data/fonts/**/*.afm"), *root.glob("mpl-data/sample_data/*.csv")]
        yield from filter(None, map(_read, _spread(files)))
