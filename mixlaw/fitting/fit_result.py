"""Fit: a law with estimated parameters and their uncertainty, as it is used, saved and read back."""

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd

from mixlaw.errors import MixlawError
from mixlaw.estimation.diagnostics import Diagnostics
from mixlaw.estimation.objective import predict
from mixlaw.fitting import fit_file, reference_fit
from mixlaw.fitting.fit_file import FitRecord, Interval, Parameter
from mixlaw.fitting.training_data import TrainingData
from mixlaw.io.json import no_nan
from mixlaw.io.notes import UNIQUE, with_code
from mixlaw.io.writing import write_text
from mixlaw.laws import Law, Reference, Row, SourcePrior
from mixlaw.laws.base import constrain, fitted_fields
from mixlaw.mixtures.simplex import as_mixture
from mixlaw.runs.measurement import check_comparable, of_provenance
from mixlaw.runs.run_table import Runs


@dataclass(frozen=True)
class Fit(FitRecord):
    """A fitted law for S sources and K targets.

    Attributes:
        law: the law's class, or a reference's: then there are no parameters, and losses are a refit on `runs`.
        sources, targets: names.
        z_KxP: unconstrained parameters, one row a target.
        sigma_K: residual standard deviation of log-loss: the noise of one more run.
        constants: values of the law's constants, each with a leading axis of the targets.
        replicas_BxKxP: bootstrap refits (B = 0: none were made).
        support: range of the fitted runs, see `Support`. diagnostics: convergence and noise, see `Diagnostics`.
        notes: what was left out and what went wrong, one line each.
        provenance: hash and name of the run table, tokenizer, seed.
        runs: the table it was fitted on; None if the fit was read from a file (the file of a reference holds them).
        unique_S: unique tokens of each source used for prediction (inf: no source repeats). `recommend` replaces them
            with the project's.
        goal: the planned run that the fit is for, if one was given.
        prior: the prior of the sources, if one was given.
        data: the rows and the prior of the fit, computed once; None without runs.

    >>> import numpy as np, pandas as pd, mixlaw
    >>> web = np.linspace(0.1, 0.9, 8)
    >>> table = pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": 2.0 - 0.5 * web})
    >>> found = mixlaw.fit(mixlaw.Runs.from_frame(table), "gaussian-process")
    >>> found.sources, found.targets, found.support.runs
    (('web', 'code'), ('web',), 8)
    >>> found.predict([[0.5, 0.5]])["loss:web"].shape
    (1,)
    """

    prior: SourcePrior | None = field(default=None, repr=False, compare=False)
    data: TrainingData | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        about = (self.law, self.goal, self.prior)
        if self.runs is None:
            data = None
        elif self.data is not None and self.data.is_of(self.runs, *about):
            data = self.data
        else:
            data = TrainingData(self.runs, *about)
        object.__setattr__(self, "data", data)

    def training_data(self, need: str) -> TrainingData:
        """The rows and the prior of the fit.

        Args:
            need: what needs them, for the message.

        Raises:
            MixlawError: the fit was read from a file, which holds no runs.
        """
        if self.data is None:
            raise MixlawError(f"the fit was read without its runs, which {need}: fit the run table again")
        return self.data

    @property
    def knows_scale(self) -> bool:
        """True if the law depends on N or D, so that a plan for a compute budget is possible."""
        return bool({"params", "tokens"} & self.law.needs)

    @cached_property
    def parameters(self) -> dict[str, dict[str, Parameter]]:
        """Constrained parameters by target: numbers, or a {source: number} for those that differ by source."""
        law = self.law
        if issubclass(law, Reference):
            return {target: {} for target in self.targets}
        with jax.enable_x64(True):
            laws = [
                constrain(law, z_P, {name: x[k] for name, x in self.constants.items()}, len(self.sources))
                for k, z_P in enumerate(self.z_KxP)
            ]
        return {target: self._named(one) for target, one in zip(self.targets, laws, strict=True)}

    @cached_property
    def intervals(self) -> dict[str, dict[str, Interval]] | None:
        """90% intervals [low, high] of the parameters by target, over the replicas; None where there are none."""
        if not len(self.replicas_BxKxP):
            return None
        ends = [
            replace(self, z_KxP=z_KxP).parameters for z_KxP in np.quantile(self.replicas_BxKxP, [0.05, 0.95], axis=0)
        ]
        return {
            target: {name: _interval(low, ends[1][target][name]) for name, low in ends[0][target].items()}
            for target in self.targets
        }

    def _named(self, law: Law) -> dict[str, Parameter]:
        named: dict[str, Parameter] = {}
        for f in fitted_fields(type(law)):
            value = np.asarray(getattr(law, f.name))
            per_source = f.metadata["per_source"]
            named[f.name] = dict(zip(self.sources, value.tolist(), strict=True)) if per_source else float(value)
        return named

    def losses(
        self,
        w_MxS: np.ndarray,
        params: Any = np.nan,
        tokens: Any = np.nan,
        *,
        unique: Any = None,
        replicas: bool = False,
    ) -> np.ndarray:
        """Predicted losses of M mixtures, nats per token: (M, K), or (B, M, K) for the bootstrap replicas.

        Args:
            w_MxS: token shares.
            params, tokens: N and D, one for all or one a mixture.
            unique: unique tokens of each source, (S,) or (M, S); by default those that the fit's mixtures draw on.
        """
        unique = self.unique_S if unique is None else unique
        count = len(w_MxS)
        rows = Row(
            np.asarray(w_MxS, float),
            np.broadcast_to(np.asarray(params, float), count),
            np.broadcast_to(np.asarray(tokens, float), count),
            np.broadcast_to(np.asarray(unique, float), (count, len(self.sources))),
        )
        law = self.law
        if issubclass(law, Reference):
            seen = self.training_data("a reference needs").observations
            losses_MxK = reference_fit.losses(law, seen, rows, self.provenance["seed"])
            return losses_MxK[None][:0] if replicas else losses_MxK
        z_BxKxP = self.replicas_BxKxP if replicas else self.z_KxP[None]
        with jax.enable_x64(True):
            of_target = np.tile(np.arange(len(self.targets)), len(z_BxKxP))
            known = {name: x[of_target] for name, x in self.constants.items()}
            flat = predict(law, z_BxKxP.reshape(-1, z_BxKxP.shape[-1]), rows, known)
        losses_BxMxK = np.moveaxis(np.asarray(flat).reshape(*z_BxKxP.shape[:2], count), 1, 2)
        return losses_BxMxK if replicas else losses_BxMxK[0]

    def predict(self, what: Any, params: float | None = None, tokens: float | None = None) -> pd.DataFrame:
        """Predicted losses as a table with `run_id` and `loss:<target>` columns, in the order of the input.

        Args:
            what: `Runs`, or mixtures: an array (M, S) or (S,), a {source: share}, or a table with w: columns.
            params, tokens: N and D of the mixtures; by default the largest of the fitted runs. Their sources repeat
                only as `unique_S` says: give `Runs` with unique: columns for others.

        Raises:
            MixlawError: a source missing from the fit has a positive share, a mixture is invalid, or the runs'
                tokenizer or definitions of targets differ from the fit's.
        """
        if isinstance(what, Runs):
            check_comparable(of_provenance(self.provenance, "the fit"), what.measurement)
            w_MxS = self._align(what.sources, what.w_RxS, what.name)
            params_M, tokens_M, names = what.params_R, what.tokens_R, list(what.run_id)
            unique = self._reorder(what.sources, what.unique_RxS, np.inf) if what.states_unique else None
            self._check_columns(what)
        else:
            names, w_MxS = self._mixtures(what)
            unique = None
            params_M = self.support.params[1] if params is None else params
            tokens_M = self.support.tokens[1] if tokens is None else tokens
        losses_MxK = self.losses(w_MxS, params_M, tokens_M, unique=unique)
        columns = {f"loss:{target}": losses_MxK[:, k] for k, target in enumerate(self.targets)}
        return pd.DataFrame({"run_id": names, **columns})

    def remarks(self, asked: Runs) -> list[str]:
        """Notes on a prediction, such as which unique token counts a law of repetition assumed."""
        if "unique" not in self.law.needs:
            return []
        if asked.states_unique:
            return list(with_code(asked.notes, UNIQUE))
        if np.isfinite(self.unique_S).any():
            return [f"{asked.name}: no unique: columns, sources repeat as in the project that the fit was planned for"]
        return [f"{asked.name}: no unique: columns, sources taken as never repeating"]

    def _check_columns(self, runs: Runs) -> None:
        from mixlaw.estimation.observations import covariates

        covariates(self.law, runs)

    def _mixtures(self, what: Any) -> tuple[list[Any], np.ndarray]:
        if isinstance(what, pd.DataFrame):
            names = what["run_id"].tolist() if "run_id" in what else list(range(len(what)))
            columns = [c for c in what.columns if str(c).startswith("w:")]
            w_MxS = self._align(tuple(c[2:] for c in columns), what[columns].to_numpy(float), "mixtures")
        elif isinstance(what, dict):
            names, w_MxS = [0], self._align(tuple(what), np.array([list(what.values())], float), "mixture")
        else:
            w_MxS = np.atleast_2d(np.asarray(what, float))
            names = list(range(len(w_MxS)))
            if w_MxS.shape[1] != len(self.sources):
                raise MixlawError(f"mixtures have {w_MxS.shape[1]} shares, the fit has {len(self.sources)} sources")
        return names, np.stack([as_mixture(w_S, f"mixture {m}") for m, w_S in zip(names, w_MxS, strict=True)])

    def _align(self, sources: tuple[str, ...], w_MxS: np.ndarray, name: str) -> np.ndarray:
        """Columns in the fit's order; a source without a column has no share."""
        for source, w_M in zip(sources, w_MxS.T, strict=True):
            if source not in self.sources and np.any(w_M > 0):
                raise MixlawError(f"{name}: source '{source}' has a share and the fit does not know it")
        return self._reorder(sources, w_MxS, 0.0)

    def _reorder(self, sources: tuple[str, ...], x_MxS: np.ndarray, absent: float) -> np.ndarray:
        ordered_MxS = np.full((len(x_MxS), len(self.sources)), absent)
        for source, x_M in zip(sources, x_MxS.T, strict=True):
            if source in self.sources:
                ordered_MxS[:, self.sources.index(source)] = x_M
        return ordered_MxS

    def to_dict(self) -> dict[str, Any]:
        """All that is needed to read the fit back, as JSON types."""
        return fit_file.encode(self, self.parameters, self.intervals)

    def save(self, path: str | Path) -> None:
        """Write the fit as JSON, which `read_fit` reads. Raises MixlawError if the file cannot be written."""
        write_text(path, json.dumps(no_nan(self.to_dict())))

    def take_targets(self, index_K: list[int]) -> "Fit":
        """The fit for some of its targets, in the order given."""
        if index_K == list(range(len(self.targets))):
            return self
        targets = tuple(self.targets[k] for k in index_K)
        return replace(
            self,
            targets=targets,
            z_KxP=self.z_KxP[index_K],
            sigma_K=self.sigma_K[index_K],
            constants={name: x[index_K] for name, x in self.constants.items()},
            replicas_BxKxP=self.replicas_BxKxP[:, index_K],
            diagnostics=Diagnostics(**{name: value[index_K] for name, value in vars(self.diagnostics).items()}),
            runs=None if self.runs is None else self.runs.with_targets(targets),
        )


def _interval(low: Parameter, high: Parameter) -> Interval:
    """[low, high] of a parameter, by source if it differs by source."""
    if isinstance(low, dict) and isinstance(high, dict):
        return {source: [x, high[source]] for source, x in low.items()}
    assert not isinstance(low, dict), "both ends are of one parameter"
    assert not isinstance(high, dict), "both ends are of one parameter"
    return [low, high]


def read_fit(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote.

    Raises:
        MixlawError: the file is missing, does not contain a fit, or has a schema that this version cannot read.

    >>> import numpy as np, pandas as pd, mixlaw
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> web = np.linspace(0.1, 0.9, 8)
    >>> table = pd.DataFrame({"w:web": web, "w:code": 1 - web, "loss:web": 2.0 - 0.5 * web})
    >>> found = mixlaw.fit(mixlaw.Runs.from_frame(table), "gaussian-process")
    >>> with TemporaryDirectory() as folder:
    ...     found.save(Path(folder) / "fit.json")
    ...     again = read_fit(Path(folder) / "fit.json")
    >>> again.law.name, again.targets
    ('gaussian-process', ('web',))
    """
    return Fit(**vars(fit_file.read(path)))
