"""Online run of a sweep's task, at the size of its largest proxies and on their matched subsets."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from mixlaw.errors import MixlawError
from proxies.data.mixture import Mixture
from proxies.online.method import Method, Question
from proxies.online.run_online import forget, online_key, online_mixture
from proxies.sweep.location import Location
from proxies.tasks.proxy_sizes import ProxySize
from proxies.tasks.run_specs import spec_at
from proxies.tasks.task import Task
from proxies.training.run_spec import DivergedError
from proxies.training.train import Progress


def online_question(
    task: Task, method: Method, *, seed: int = 0, scale: ProxySize | None = None, own: frozenset[str] = frozenset()
) -> Question:
    """The task's question to a method at a size, by default the largest with the budget's N/D.

    `own`: targets with text of their own (see `steering_text.split_steering`).
    """
    at = scale or max((s for s in task.proposal.scales if s.on_ray), key=lambda s: s.params)
    stated = {s.name: s.tokens for s in task.sources if s.tokens is not None}
    size_S = np.array([stated.get(name, float(count)) for name, count in task.corpus.tokens.items()])
    mixture = Mixture.of(task.corpus.sources, method.usual(size_S))
    spec = spec_at(at, mixture, task.corpus, f"online-{method.name}", seed=seed, tokens=stated)
    return Question(spec, task.corpus, {t.name: t.weight for t in task.targets if t.weight}, own)


def online_result(path: Path, question: Question, method: Method, progress: Progress | None = None) -> dict[str, Any]:
    """`OnlineResult.to_dict` of the run, read from the file `path` if it is this run's, else trained and written.

    The state of an unfinished run is stored in `<path>.state`; the next call resumes from it.

    Raises:
        MixlawError: as `online_mixture` does, and if the run diverges or the file cannot be written.
    """
    key = online_key(question, method)
    if path.exists():
        known = _read(path)
        if known.get("key") == key:
            return known
    state = path.with_name(f"{path.name}.state")
    try:
        content = {"key": key, **online_mixture(question, method, state=state, progress=progress).to_dict()}
        Location.at(path.parent).write(path.name, json.dumps(content, indent=1, allow_nan=False))
    except OSError as error:
        raise MixlawError(f"{path}: cannot be written ({error.strerror}); make room, or name another folder") from error
    except DivergedError as error:
        raise MixlawError(f"run {question.spec.run_id}: {error}") from error
    forget(state)
    return content


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MixlawError(f"{path}: not an online run's result ({error}); move it away") from error
    if not isinstance(known, dict):
        raise MixlawError(f"{path}: not an online run's result; move it away")
    return known
