"""What `recommend` prints: 80 columns whatever the sources, plain when piped, the same every time."""

import io
import json
import re
import sys
from dataclasses import replace

import pytest
from factories.plans import TARGETS, made_plan
from rich.cells import cell_len

from mixlaw.cli import tables as show
from mixlaw.planning.plan import read_plan

LONG = "common_crawl/high-quality.deduplicated.2024-10/en/part"


class Terminal(io.StringIO):
    """A terminal of the test's own."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def printed(plan, monkeypatch, stream=None) -> str:
    """What is printed of a plan, by default into a pipe."""
    if stream is None:
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    show.print_plan(plan)
    stream.flush()
    text = stream.getvalue() if isinstance(stream, io.StringIO) else stream.buffer.getvalue().decode(stream.encoding)
    monkeypatch.undo()
    return text


@pytest.fixture(autouse=True)
def no_colours_asked_for(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TERM", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("count", [1, 3, 17, 60])
@pytest.mark.parametrize("name", ["s", LONG, "网页文本" * 8], ids=["short", "long", "wide"])
def test_no_line_is_wider_than_80_columns_and_no_name_is_cut(count, name, monkeypatch):
    names = [f"{name}-{i}" for i in range(count)]
    lines = printed(made_plan(names), monkeypatch).splitlines()
    assert max(map(cell_len, lines)) <= 80
    table = lines[1 : lines.index("")]
    width = lines[0].index("unique") if name == "s" else 18
    folded = "".join(line.split("  ")[0].strip() for line in table) if name == LONG else ""
    assert width <= 20
    assert all(one in folded for one in names) or name != LONG
    assert sum("%" in line for line in table) == count, "a row a source"


def test_numbers_are_never_cut(monkeypatch):
    plan = made_plan([f"{LONG}-{i}" for i in range(3)])
    name = next(iter(plan.mixture))
    plan.interval[name] = [1.0, 1.0]
    plan.epochs[name] = 123456.0
    plan = replace(plan, mixture=dict.fromkeys(plan.mixture, 0.0) | {name: 1.0})
    text = printed(plan, monkeypatch)
    assert "…" not in text
    row = next(line for line in text.splitlines() if "100.0–100.0%" in line)
    assert row.split()[-4:] == ["100.0%", "100.0–100.0%", "123k", "█" * show.BAR_CHARACTERS]


def test_bars_grow_with_the_shares(monkeypatch):
    plan = made_plan([f"s{i:02d}" for i in range(60)])
    rows = printed(plan, monkeypatch).splitlines()[1:61]
    drawn = [re.search(f"[█{show.EIGHTHS[1:]}]*$", row) for row in rows]
    eighths = [sum(8 if c == "█" else show.EIGHTHS.index(c) for c in bar.group()) for bar in drawn if bar]
    share = sorted(plan.mixture.values(), reverse=True)
    assert eighths[0] == 8 * show.BAR_CHARACTERS
    assert all(
        abs(found - 8 * show.BAR_CHARACTERS * one / share[0]) <= 0.5 for found, one in zip(eighths, share, strict=True)
    )
    assert len(set(eighths)) > 10


def test_piped_output_is_plain_and_the_same_every_time(monkeypatch):
    plan = made_plan(["web", "code", ":smile:", "[red]books[/red]"])
    text = printed(plan, monkeypatch)
    assert "\x1b" not in text
    assert ":smile:" in text
    assert "[red]books[/red]" in text
    assert not re.search(r" $", text, re.MULTILINE)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert printed(plan, monkeypatch) == text


def test_a_terminal_gets_emphasis_and_the_same_words(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    plan = made_plan(["web", "code"])
    shown = printed(plan, monkeypatch, Terminal())
    assert "\x1b[1m" in shown
    words = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.sub(r" +$", "", words, flags=re.MULTILINE) == printed(plan, monkeypatch)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_an_output_that_lacks_blocks_and_dashes_gets_others(encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    text = printed(made_plan(["web", "网"]), monkeypatch, stream)
    assert "###" in text
    assert "?" in text


def test_the_json_object_is_plain_strict_and_survives_a_file(tmp_path):
    plan = made_plan(["web", "网"])
    uniform = replace(plan.baselines["uniform"], objective=float("nan"))
    plan = replace(plan, baselines=plan.baselines | {"uniform": uniform})
    text = json.dumps(plan.to_dict(), indent=1)
    assert text.isascii()
    assert json.loads(text, parse_constant=pytest.fail)["baselines"]["uniform"]["objective"] is None
    plan.save(tmp_path / "plan.json")
    assert json.dumps(read_plan(tmp_path / "plan.json").to_dict(), indent=1) == text
    assert list(json.loads(text)["predicted"]["loss"]) == list(TARGETS)
