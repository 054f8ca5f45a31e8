import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixlaw.errors import MixlawError
from mixlaw.project.project_file import read_project
from mixlaw.project.sources import Budget, Source, Sources, Target

GOOD = """
sources:
  web:  {tokens: 5.0e12, paths: ["data/web/*.jsonl.zst"]}
  code: {tokens: 3.0e11, paths: ["data/code"], min: 0.05, max: 0.5, max_epochs: 4}
targets:
  web:  {weight: 1}
  code: {weight: 2, max_loss: 1.1}
budget: {flops: 1.0e21}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "mixlaw.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(call, *args, **kwargs) -> str:
    """The message of the MixlawError, which must be one printable line."""
    with pytest.raises(MixlawError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable()
    assert message.splitlines() == [message]
    return message


def test_project_of_the_contract(tmp_path):
    project = read_project(written(tmp_path, GOOD))
    assert project.sources.names == ("web", "code")
    assert project.sources["code"] == Source("code", 3e11, ("data/code",), None, 0.05, 0.5, 4)
    assert project.targets == (Target("web", 1), Target("code", 2, 1.1))
    assert project.budget == Budget(flops=1e21)
    assert project.folder == tmp_path
    assert project.path == tmp_path / "mixlaw.yaml"


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("1e9", 1e9),
        ("5.0e12", 5e12),
        ("3_000_000", 3e6),
        ("+2E3", 2000),
        ("'1e9'", 1e9),
        (".5e3", 500),
        ("12", 12),
    ],
)
def test_numbers_as_people_write_them(tmp_path, number, value):
    project = read_project(written(tmp_path, f"sources: {{web: {{tokens: {number}}}}}"))
    assert project.sources["web"].tokens == value


def test_names_stay_as_written(tmp_path):
    project = read_project(written(tmp_path, "sources: {no: {tokens: 1}, on: {tokens: 2}, 2024: {tokens: 3}}"))
    assert project.sources.names == ("no", "on", "2024")


def test_optional_parts(tmp_path):
    project = read_project(written(tmp_path, "sources: {web: {paths: a/b}}\ntargets: {web: , far: {paths: [x]}}"))
    assert project.sources["web"].tokens is None
    assert project.sources["web"].paths == ("a/b",)
    assert project.targets == (Target("web"), Target("far", paths=("x",)))
    assert project.budget is None
    assert read_project(written(tmp_path, "sources: {web: {tokens: 1}}")).targets == ()


def test_aliases_within_reason_are_read(tmp_path):
    project = read_project(written(tmp_path, "sources: {web: &s {tokens: 5, max: 0.9}, code: *s}"))
    assert project.sources["code"] == Source("code", 5, max=0.9)


def test_byte_order_mark_and_windows_lines(tmp_path):
    project = read_project(written(tmp_path, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()))
    assert project.sources.names == ("web", "code")


def test_resolve(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/her")
    project = read_project(written(tmp_path, GOOD))
    assert project.resolve("data/web/*.zst") == str(tmp_path / "data/web/*.zst")
    assert project.resolve("/data/web") == "/data/web"
    assert project.resolve("~/web") == "/home/her/web"
    for url in ("s3://bucket/web", "hf://datasets/a/b", "zip://*.jsonl::file.zip"):
        assert project.resolve(url) == url


S = "sources: {web: {tokens: 5}, code: {tokens: 3}}\n"
# Nine levels of nine aliases each: 400 million values when written out.
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{level}: &{level} [{','.join(['*' + before] * 9)}]\n"
    for before, level in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN_PROJECTS = {
    "empty": ("", ["empty"]),
    "only a comment": ("# nothing\n", ["empty"]),
    "a list": ("- web\n- code\n", ["mapping"]),
    "text": ("web", ["mapping"]),
    "no sources": ("targets: {web: {}}\n", ["sources"]),
    "sources empty": ("sources: {}\n", ["sources"]),
    "sources null": ("sources:\n", ["sources"]),
    "sources a list": ("sources: [web, code]\n", ["sources"]),
    "unknown section": (S + "budgets: {flops: 1e20}\n", ["budgets", "'budget'"]),
    "unknown source key": (
        "sources: {web: {tokens: 5, max_epoch: 4}}",
        ["sources.web", "max_epoch", "'max_epochs'"],
    ),
    "unknown target key": (S + "targets: {web: {wieght: 1}}", ["targets.web", "wieght", "'weight'"]),
    "unknown budget key": (S + "budget: {flop: 1e21}", ["budget", "'flop'", "'flops'"]),
    "source twice": ("sources:\n  web: {tokens: 5}\n  web: {tokens: 6}\n", ["line 3", "web", "twice"]),
    "key twice": ("sources:\n  web: {tokens: 5, tokens: 6}\n", ["line 2", "tokens", "twice"]),
    "section twice": (S + "budget: {flops: 1}\nbudget: {flops: 2}\n", ["line 3", "budget", "twice"]),
    "quoted and plain name": ('sources: {web: {tokens: 5}, "web": {tokens: 6}}', ["web", "twice"]),
    "neither tokens nor paths": (
        "sources: {web: {tokens: 5}, code: {max: 0.4}}",
        ["code", "tokens", "paths"],
    ),
    "source null": ("sources: {web: , code: {tokens: 4}}", ["sources.web"]),
    "tokens negative": ("sources: {web: {tokens: -5}}", ["web", "tokens", "-5"]),
    "tokens zero": ("sources: {web: {tokens: 0}}", ["web", "tokens", "0"]),
    "tokens nan": ("sources: {web: {tokens: .nan}}", ["web", "tokens", "nan"]),
    "tokens inf": ("sources: {web: {tokens: .inf}}", ["web", "tokens", "inf"]),
    "tokens overflow": ("sources: {web: {tokens: 1e999}}", ["web", "tokens", "inf"]),
    "tokens text": ("sources: {web: {tokens: 5T}}", ["web", "tokens", "5T"]),
    "tokens true": ("sources: {web: {tokens: true}}", ["web", "tokens", "True"]),
    "tokens a list": ("sources: {web: {tokens: [5]}}", ["web", "tokens"]),
    "tokens left empty": ("sources: {web: {tokens: }}", ["sources.web.tokens", "no value"]),
    "cap left empty": ("sources: {web: {tokens: 5, max_epochs: }}", ["sources.web.max_epochs", "no value"]),
    "min over max": (
        "sources: {web: {tokens: 5, min: 0.6, max: 0.5}, b: {tokens: 1}}",
        ["web", "0.6", "0.5"],
    ),
    "min sum": (
        "sources: {web: {tokens: 5, min: 0.6}, code: {tokens: 3, min: 0.7}}",
        ["web 0.6", "code 0.7", "1.3"],
    ),
    "max sum": (
        "sources: {web: {tokens: 5, max: 0.3}, code: {tokens: 3, max: 0.2}}",
        ["web 0.3", "code 0.2", "0.5"],
    ),
    "max in percent": ("sources: {web: {tokens: 5, max: 50}}", ["web", "max", "50", "between 0 and 1"]),
    "min negative": ("sources: {web: {tokens: 5, min: -0.1}}", ["web", "min", "-0.1"]),
    "max_epochs zero": ("sources: {web: {tokens: 5, max_epochs: 0}}", ["web", "max_epochs", "0"]),
    "max_epochs negative": ("sources: {web: {tokens: 5, max_epochs: -1}}", ["web", "max_epochs", "-1"]),
    "documents fraction": ("sources: {web: {tokens: 5, documents: 1.5}}", ["web", "documents", "1.5"]),
    "paths a number": ("sources: {web: {tokens: 5, paths: 7}}", ["web", "paths", "7"]),
    "paths hold nothing": ('sources: {web: {tokens: 5, paths: ["", "a"]}}', ["web", "paths"]),
    "paths a mapping": ("sources: {web: {tokens: 5, paths: {a: b}}}", ["web", "paths"]),
    "name empty": ("sources: {'': {tokens: 5}}", ["source", "not a name"]),
    "name with a line break": ('sources: {"a\\nb": {tokens: 5}}', ["source", "control characters"]),
    "name with an escape": ('sources: {"a\\x1b[31m": {tokens: 5}}', ["source", "control characters"]),
    "name with blanks": ("sources: {' web': {tokens: 5}}", ["' web'", "blanks"]),
    "key a list": ("sources: {[a, b]: {tokens: 5}}", ["line 1", "key"]),
    "targets a list": (S + "targets: [web]", ["targets"]),
    "targets empty": (S + "targets: {}", ["targets"]),
    "weights zero": (S + "targets: {web: {weight: 0}, code: {weight: 0}}", ["targets", "weight"]),
    "weight negative": (S + "targets: {web: {weight: -1}}", ["web", "weight", "-1"]),
    "weight nan": (S + "targets: {web: {weight: .NaN}}", ["web", "weight", "nan"]),
    "max_loss zero": (S + "targets: {web: {max_loss: 0}}", ["web", "max_loss", "0"]),
    "tokenizer empty": (S + "tokenizer:", ["tokenizer", "no value"]),
    "tokenizer blank": (S + "tokenizer: ' '", ["tokenizer", "JSON file"]),
    "tokenizer a number": (S + "tokenizer: 3", ["tokenizer", "JSON file"]),
    "tokenizers": (S + "tokenizers: t.json", ["'tokenizers'", "'tokenizer'"]),
    "budget both": (S + "budget: {flops: 1e21, params: 1e9, tokens: 1e10}", ["flops", "params", "tokens"]),
    "budget params alone": (S + "budget: {params: 1e9}", ["budget", "params", "together"]),
    "budget tokens alone": (S + "budget: {tokens: 1e9}", ["budget", "tokens", "together"]),
    "budget empty": (S + "budget: {}", ["budget", "no value"]),
    "budget a number": (S + "budget: 1e21", ["budget", "mapping"]),
    "budget negative": (S + "budget: {flops: -1e21}", ["budget", "flops", "-1e+21"]),
    "budget inf": (S + "budget: {params: .inf, tokens: 1}", ["budget", "params", "inf"]),
    "budget overflows": (S + "budget: {params: 1e200, tokens: 1e200}", ["budget", "finite"]),
    "tabs": ("sources:\n\tweb: {tokens: 5}\n", ["line 2", "YAML"]),
    "unclosed": ("sources: {web: {tokens: 5}\ntargets: 3\n", ["line 2", "YAML"]),
    "two documents": (S + "---\n" + S, ["line 2", "YAML"]),
    "undefined alias": ("sources: *web\n", ["line 1", "alias"]),
    "merge key": ("sources: {web: &a {tokens: 5}, code: {<<: *a}}", ["line 1", "merge"]),
    "a Python object": ("sources: !!python/object/apply:os.getcwd []\n", ["line 1", "tag"]),
    "a tag": ("sources: {web: {tokens: !mine 5}}\n", ["line 1", "tag"]),
    "control character": ("sources: {web: {tokens: 5}}\x00", ["YAML"]),
    "not UTF-8": (b"sources: {caf\xe9: {tokens: 5}}", ["UTF-8"]),
    "deep": ("[" * 5000, ["nested"]),
    "alias to itself": ("sources: &a {web: *a}\n", ["alias"]),
    "alias bomb": (BOMB, ["aliases"]),
}


@pytest.mark.parametrize("case", BROKEN_PROJECTS)
def test_broken_projects(tmp_path, case):
    text, named = BROKEN_PROJECTS[case]
    message = refusal(read_project, written(tmp_path, text))
    assert "mixlaw.yaml" in message
    for part in named:
        assert part in message


def test_no_such_file_and_a_folder(tmp_path):
    assert "absent.yaml: no such file" in refusal(read_project, tmp_path / "absent.yaml")
    assert "directory" in refusal(read_project, tmp_path)


def test_long_values_are_cut_in_messages(tmp_path):
    message = refusal(read_project, written(tmp_path, f"sources: {{web: {{tokens: {'x' * 5000}}}}}"))
    assert len(message) < 400


@settings(deadline=None, max_examples=150)
@given(st.text(max_size=60) | st.text("sources:{}[]web,tkn0123456789.e-&*!?|>'\"# \n", max_size=80))
def test_any_text_is_read_or_refused(text):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixlaw.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        try:
            lines = ["read"] * (len(read_project(path).sources) > 0)
        except MixlawError as error:
            lines = str(error).splitlines()
    assert len(lines) == 1


def make(*sources) -> Sources:
    return Sources(Source(*source) if isinstance(source, tuple) else source for source in sources)


def test_sources_as_a_collection():
    sources = make(("web", 6e12), ("code", 2e12))
    assert len(sources) == 2
    assert [source.name for source in sources] == ["web", "code"]
    assert sources["code"].tokens == 2e12
    assert "code" in sources
    np.testing.assert_allclose(sources.proportional(), [0.75, 0.25])
    np.testing.assert_array_equal(sources.max_epochs_S, [np.inf, np.inf])
    assert "did you mean 'code'" in refusal(sources.__getitem__, "cod")


def test_proportions_of_sizes_whose_sum_overflows():
    np.testing.assert_allclose(make(("a", 1.5e308), ("b", 1.5e308)).proportional(), [0.5, 0.5])


def test_unknown_tokens():
    sources = make(("web", 6e12), ("code", None))
    assert math.isnan(sources.tokens_S[1])
    assert "code" in refusal(sources.proportional)
    counted = sources.with_tokens({"code": 2e12})
    np.testing.assert_allclose(counted.proportional(), [0.75, 0.25])
    assert sources["code"].tokens is None
    assert "did you mean 'code'" in refusal(sources.with_tokens, {"codes": 1})


def test_upper_bounds_hold_epoch_caps():
    sources = make(Source("web", 1e12, max=0.9), Source("code", 1e11, max=0.5, max_epochs=4), ("unknown", None))
    np.testing.assert_allclose(sources.upper_S(None), [0.9, 0.5, 1])
    np.testing.assert_allclose(sources.upper_S(1e12), [0.9, 0.4, 1])
    np.testing.assert_allclose(sources.upper_S(1e11), [0.9, 0.5, 1])
    np.testing.assert_allclose(make(Source("a", 1e308, max=0.9, max_epochs=1e9), ("b", 1)).upper_S(1e-5), [0.9, 1])
    assert "tokens of the run" in refusal(sources.upper_S, 0)
    capped = make(Source("web", None, max_epochs=2))
    np.testing.assert_allclose(capped.upper_S(None), [1])
    assert "web" in refusal(capped.upper_S, 1e9)


def test_hash_follows_content():
    sources = make(("web", 6e12), ("code", 2e12))
    assert sources.hash() == make(("web", 6e12), ("code", 2e12)).hash()
    others = [
        make(("web", 6e12), ("code", 3e12)),
        make(("code", 2e12), ("web", 6e12)),
        sources.with_tokens({"web": 1}),
    ]
    assert len({sources.hash(), *(other.hash() for other in others)}) == 4


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: Source("", 1), "not a name"),
        (lambda: Source("web", math.nan), "tokens"),
        (lambda: Source("web", 1, max_epochs=0), "max_epochs"),
        (lambda: Source("web", 1, documents=0), "documents"),
        (lambda: Target("web", weight=-1), "weight"),
        (lambda: Target("web", max_loss=math.inf), "max_loss"),
        (lambda: Budget(), "no value"),
        (lambda: Budget(flops=1, tokens=1), "flops and tokens"),
        (lambda: Budget(params=0, tokens=1), "params"),
        (lambda: Sources([]), "none"),
        (lambda: make(("a", 1), ("a", 2)), "a given twice"),
        (lambda: make(Source("a", 1, max=0.5)), "a 0.5"),
    ],
)
def test_objects_are_validated_on_construction(build, named):
    assert named in refusal(build)


def test_budget_compute():
    assert Budget(flops=1e21).compute == 1e21
    assert Budget(params=1e9, tokens=2e10).compute == 6 * 1e9 * 2e10


def test_import_is_light():
    heavy = ("jax", "pandas", "scipy", "matplotlib")
    code = f"import sys, mixlaw.project.sources; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_tokenizer_is_a_file_beside_the_project(tmp_path):
    (tmp_path / "mixlaw.yaml").write_text("sources: {a: {tokens: 5}}\ntokenizer: sub/t.json\n")
    project = read_project(tmp_path / "mixlaw.yaml")
    assert project.tokenizer == "sub/t.json"
    assert project.resolve(project.tokenizer) == str(tmp_path / "sub" / "t.json")
    (tmp_path / "mixlaw.yaml").write_text("sources: {a: {tokens: 5}}\n")
    assert read_project(tmp_path / "mixlaw.yaml").tokenizer is None


@pytest.mark.parametrize("sources", ["5", "[[web]]", "[web, 3]"])
def test_a_group_whose_sources_are_no_list_of_names_is_refused_in_one_line(tmp_path, sources):
    text = (
        "sources: {web: {tokens: 5}, code: {tokens: 5}}\n"
        + f"groups: {{a: {{sources: {sources}, keep: {{web: 1}}}}}}\n"
    )
    (tmp_path / "mixlaw.yaml").write_text(text)
    with pytest.raises(MixlawError, match=r"groups\.a"):
        read_project(tmp_path / "mixlaw.yaml")
