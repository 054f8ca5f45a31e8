"""Made the example's text from this repository as it was: its prose, its docstrings and its code, one format each.

.venv/bin/python analysis/example/freeze.py
"""

import ast
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def docstrings(path: Path) -> list[str]:
    """The docstrings of a module, its classes and functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    found = [ast.get_docstring(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]
    return [text for text in found if text]


def main() -> None:
    """Write prose.md, docstrings.jsonl.gz and code.parquet beside this file."""
    prose = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "analysis" / "NOTES.md"]
    (HERE / "prose.md").write_text("\n\n".join(path.read_text() for path in prose))
    modules = sorted([*(ROOT / "mixlaw").rglob("*.py"), *(ROOT / "proxies").glob("*.py")])
    lines = "".join(json.dumps({"text": text}) + "\n" for path in modules for text in docstrings(path))
    (HERE / "docstrings.jsonl.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    code = [path.read_text() for path in [*modules, *sorted((ROOT / "tests").glob("*.py"))]]
    parquet.write_table(pa.table({"text": code}), HERE / "code.parquet", compression="zstd")


if __name__ == "__main__":
    main()
