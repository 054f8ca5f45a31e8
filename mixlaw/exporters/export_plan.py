"""export: write a plan as a trainer's file, and check it by reading it back with that format's strict reader."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError, listed
from mixlaw.exporters.drawing.realised import Realised, realise
from mixlaw.exporters.drawing.stream_notes import few_draws
from mixlaw.exporters.drawing.weights_read import Weights
from mixlaw.exporters.reading import by_name, weights_in
from mixlaw.exporters.recipe import ExportOptions, Recipe, recipe
from mixlaw.exporters.rounding import keeps
from mixlaw.exporters.trainers.base import Trainer
from mixlaw.io.writing import replacing_all
from mixlaw.project.plan_like import PlanLike
from mixlaw.project.sources import Sources
from mixlaw.typing import Array

_CODING = "# -*- coding: utf-8 -*-\n"
"""First line of a Python file: Python reads an encoding from the first two, and a plan's tokenizer stands below."""
MOST_MOVED = 0.01
"""Relative change of a share by rounding above which there is a note."""


@dataclass(frozen=True)
class Export:
    """A plan in a trainer's format.

    Attributes:
        trainer: its name.
        counts: what the weights count: tokens, documents or epochs.
        text: the file.
        suffix: of such files.
        comments: True if `text` begins with its provenance; if not, `save` writes that to a second file.
        mixture: token shares by source, as the file gives them.
        epochs: epochs by source, None if unknown.
        tokens: D, None if the plan has none.
        provenance: the plan's hash, version and tokenizer.
        notes: remarks for the user, one line each.
        realised: what the trainer makes of the file under its own rule; None if D is unknown.

    >>> shares = {"web": 0.75, "code": 0.25}
    >>> made = Export("doremi", "tokens", "{}", ".json", False, shares, {"web": 1.5, "code": None}, 2e9, {}, ())
    >>> made.mixture["web"], made.to_dict()["notes"]
    (0.75, [])
    """

    trainer: str
    counts: str
    text: str
    suffix: str
    comments: bool
    mixture: dict[str, float]
    epochs: dict[str, float | None]
    tokens: float | None
    provenance: dict[str, Any]
    notes: tuple[str, ...]
    realised: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return {**vars(self), "notes": list(self.notes)}

    def save(self, path: str | Path) -> list[Path]:
        """Write the file; if its format has no comments, also `<path>.mixlaw.json` with the provenance."""
        written = [Path(path)]
        with replacing_all() as draft_of:
            draft_of(path).write_text(self.text, encoding="utf-8")
            if not self.comments:
                written.append(Path(f"{path}.mixlaw.json"))
                about = {k: value for k, value in self.to_dict().items() if k not in ("text", "suffix", "comments")}
                draft_of(written[1]).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        return written


def export(
    plan: PlanLike, trainer: str, sources: Sources | None = None, options: ExportOptions | None = None
) -> Export:
    """Write a plan in a trainer's format.

    Args:
        plan: a plan from `recommend` or `read_plan`.
        trainer: a name in `TRAINERS`.
        sources: the project's; None: those that the plan records.
        options: settings that the plan does not contain.

    Raises:
        MixlawError: the trainer is unknown, the plan violates a cap, the format cannot express the plan (documents
            unknown, over one epoch if the format only samples down, a share below its resolution), or a path would be
            read as that of another source.

    >>> class Shares:
    ...     def to_dict(self):
    ...         return {"mixture": {"web": 0.75, "code": 0.25}, "tokens": 1e9}
    >>> from mixlaw.project.sources import Source
    >>> made = export(Shares(), "regmix", Sources([Source("web", 1e9), Source("code", 1e9)]))
    >>> made.counts, made.mixture, made.epochs
    ('tokens', {'web': 0.75, 'code': 0.25}, {'web': 0.75, 'code': 0.25})
    >>> print(made.text.splitlines()[-4])
      train_mix_code: 0.25
    """
    kind, options = by_name(trainer), options or ExportOptions()
    made = recipe(plan, sources, options)
    kind.version(made)
    value = kind.values(made)
    suffix, comment = kind.layout(made, value)
    body = kind.write(made, value)
    found = _read_back(body, kind, made, suffix)
    w_S = np.array([found.mixture[name] for name in made.sources.names])
    realised = None if made.tokens is None else realise(found, made.sources, made.tokens, expected=True)
    errors = [] if realised is None else [*_too_few(kind, made), *realised.errors]
    if errors:
        raise MixlawError(f"export to {kind.name}: {errors[0]}")
    notes = [*_notes(kind, made, w_S), *kind.advice(made, value), *_realised_notes(realised, made, kind)]
    with np.errstate(over="ignore"):
        epochs_S = w_S * (math.nan if made.tokens is None else made.tokens) / made.sources.tokens_S
    epochs = {n: None if math.isnan(e) else e for n, e in zip(made.sources.names, epochs_S.tolist(), strict=True)}
    counts = kind.counted(options.samples)
    text = body if comment is None else _header(kind, made, counts, epochs, notes) + body
    if text != body and _read_back(text, kind, made, suffix).stated != found.stated:
        raise MixlawError(f"export to {kind.name}: the file is not read back as written; give --path for its sources")
    return Export(
        trainer=kind.name,
        counts=counts,
        text=text,
        suffix=suffix,
        comments=comment is not None,
        mixture=dict(zip(made.sources.names, w_S.tolist(), strict=True)),
        epochs=epochs,
        tokens=made.tokens,
        provenance=dict(made.provenance),
        notes=tuple(notes),
        realised=None if realised is None else realised.to_dict(made.sources),
    )


def _read_back(body: str, kind: Trainer, made: Recipe, suffix: str) -> Weights:
    """The weights in the file; MixlawError if they are not the plan's or violate a bound."""
    named = {name: (path,) for name, path in made.options.paths.items()}
    sources = Sources(replace(s, paths=named.get(s.name, s.paths)) for s in made.sources)
    name = f"export to {kind.name}"
    found = weights_in(body, name + suffix, sources, kind.name, samples=made.options.samples, partial=True)
    w_S = np.array([found.mixture[name] for name in sources.names])
    if ((w_S > 0) != (made.w_S > 0)).any():
        wrong = made.sources.names[int(np.argmax((w_S > 0) != (made.w_S > 0)))]
        raise MixlawError(f"{name}: the path of a source would be read as {wrong}; give --path {wrong}=PATH")
    if not keeps(w_S, made.lower_S, made.upper_S, made.groups) and kind.counts != "documents":
        raise MixlawError(f"{name}: no weights of this format keep every bound; raise a cap a little")
    return found


def _too_few(kind: Trainer, made: Recipe) -> list[str]:
    """Errors for sources of which the plan wants less than one document, if the trainer draws documents."""
    if kind.counted(made.options.samples) != "documents" and not kind.by_document:
        return []
    documents_S = np.array([math.nan if s.documents is None else s.documents for s in made.sources])
    return few_draws(made.sources, np.where(made.w_S > 0, made.epochs_S * documents_S, math.nan), kind.name)[1]


def _realised_notes(realised: Realised | None, made: Recipe, kind: Trainer) -> list[str]:
    """Notes on what the trainer's rule makes of the file: shares that move, an early end, few documents."""
    if realised is None:
        return []
    notes = list(realised.notes)
    for name, w, planned in zip(made.sources.names, realised.w_S.tolist(), made.w_S.tolist(), strict=True):
        if planned and abs(w / planned - 1) > MOST_MOVED:
            notes.append(f"{name}: {kind.name} makes {w:.4g} of the planned share {planned:.4g}")
    return notes


def _notes(kind: Trainer, made: Recipe, w_S: Array) -> list[str]:
    notes, names = [], made.sources.names
    if made.provenance["tokenizer"] is None:
        notes.append("tokenizer not stated: the weights hold for the one that counted the sources' tokens")
    left_out = [name for name, w in zip(names, made.w_S, strict=True) if w == 0]
    if left_out and not kind.zeros:
        notes.append(f"left out, with no share: {listed(left_out, 100)}")
    for name, w, planned in zip(names, w_S, made.w_S, strict=True):
        if planned and abs(w / planned - 1) > MOST_MOVED:
            notes.append(f"{name}: {planned:.4g} of the tokens became {w:.4g}, as fine as {kind.name} divides")
        paths = made.sources[name].paths
        if planned and kind.one_path and name not in made.options.paths and len(paths) > 1:
            notes.append(
                f"{name}: has {len(paths)} paths and {kind.name} weighs one; named by its name, or give --path"
            )
    return notes


def _header(kind: Trainer, made: Recipe, counts: str, epochs: dict[str, float | None], notes: list[str]) -> str:
    origin = made.provenance
    passes = ", ".join(f"{name} {passes:.4g}" for name, passes in epochs.items() if passes is not None)
    tokens = "an unknown number of" if made.tokens is None else f"{made.tokens:.6g}"
    lines = [
        f"mixlaw plan {origin['plan']}, version {origin['version']}, for {kind.name}",
        f"tokenizer: {origin['tokenizer'] or 'not stated'}",
        f"format checked with {kind.checked}",
        f"weights count {counts}; {tokens} tokens",
        f"epochs: {passes or 'not known'}",
        *(f"note: {note}" for note in notes),
    ]
    first = _CODING if kind.suffix == ".py" else ""
    printable = ("".join(c if c.isprintable() else " " for c in line) for line in lines)
    return first + "".join(f"{kind.comment} {' '.join(line.split())}\n" for line in printable)
