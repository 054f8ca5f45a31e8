"""What samples of text say before any run: fewer runs with a prior from distances, and the price of a source never run.

    python analysis/benchmarks/appraise.py --tables mixlaw-demo/runs.csv ...   # of `recommend --demo --seed 0`, 1 ...
    python analysis/benchmarks/appraise.py --left-out reference python c docstrings    # trains proxies; it resumes

1. Learning curve, on run tables of the demo (the i-th with seed i): the law is fitted on 6, 8, 12, 16 random runs with
   the usual priors and with those from n-grams of the sources' and targets' text; judged on the other runs (mean
   absolute error, nats) and by the regret of its mixture at the demo's budget under the law fitted on all runs.
   Trivial baseline: the mean of the runs drawn.
2. A fresh source: proxies are trained on mixtures of five of the demo's sources; `appraise` says the share of the sixth
   from its text alone. Beside it the share by runs of all six. Measured, at the proxies' scale with several seeds: the
   mixture with the source as appraised, the best without it, the best by runs of all six. Regret: of the first above
   the last. Baseline: the transport optimum's share (no runs), with the rest in proportion.
"""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from aims import Aims
from machine import print_machine
from table import print_row

from mixlaw import fit
from mixlaw.appraisal import Counts, Texts, appraise, covariate, sample_texts, source_prior
from mixlaw.designs.space_filling import design
from mixlaw.estimation.cross_validation import Refits, refit
from mixlaw.estimation.goals import goal
from mixlaw.estimation.observations import observe
from mixlaw.estimation.splits import with_row_numbers
from mixlaw.fitting.fit_result import Fit
from mixlaw.fitting.law_selection import scored_rows
from mixlaw.laws import RepeatedMixture, SourcePrior
from mixlaw.optimization.problem import MixtureProblem, pose
from mixlaw.project.project_file import Project
from mixlaw.project.sources import Budget, Source, Sources, Target
from mixlaw.runs.run_table import Runs, read_runs
from proxies.data.corpus import END, Corpus
from proxies.data.mixture import Mixture
from proxies.sweep.run_sweep import sweep
from proxies.tasks.proxy_sizes import ProxySize
from proxies.tasks.run_specs import spec_at, unique_tokens
from proxies.tasks.task import Task, demo_task

COUNTS, DRAWS = (6, 8, 12, 16), 6
SIX, FIVE, SEEDS = 16, 12, 2
PART = 0.5
"""Of the tokens of the demo's smallest proxies, and of their unique tokens."""


def documents(tokens: np.ndarray) -> list[str]:
    """Text of a corpus's bytes, cut at end marks."""
    ends = np.flatnonzero(tokens == END)
    return [part[part != END].astype(np.uint8).tobytes().decode("utf-8", "replace") for part in np.split(tokens, ends)]


def texts_of(corpus: Corpus, last: str | None = None) -> Texts:
    """Samples of a corpus's training text and of exactly the text that its runs are judged on; one source last."""
    names = [name for name in corpus.sources if name != last] + ([last] if last else [])
    sources = {name: documents(corpus.train[name].tokens) for name in names}
    return sample_texts(sources, {name: documents(tokens) for name, tokens in corpus.targets.items()})


def prior_of(corpus: Corpus) -> SourcePrior:
    """From n-grams alone."""
    counts = Counts.of(texts_of(corpus))
    return source_prior(covariate(counts.distances()), tuple(counts.sources), tuple(counts.targets))


def as_fit(full: Fit, refits: Refits, part: int) -> Fit:
    """One training part's parameters as a fit."""
    K = len(full.targets)
    rows = slice(part * K, (part + 1) * K)
    return replace(full, z_KxP=refits.z_BxP[rows], constants={name: x[rows] for name, x in refits.constants.items()})


def regret(truth: MixtureProblem, lowest: float, fitted: Fit) -> float:
    """Of a fit's best mixture at the budget, under the truth, nats."""
    assert truth.budget is not None
    at = float(truth.budget.params or 0), float(truth.budget.tokens or 0)
    w_S = replace(truth, fit=replace(fitted, unique_S=truth.fit.unique_S)).solve(fitted.z_KxP[None], at)[0].w_S
    return float(truth.value(truth.fit.losses(w_S[None], *at)[0])) - lowest


def learning_curve(tables: list[Path], aims: Aims) -> None:
    """Part 1."""
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    for seed, path in enumerate(tables):
        runs = read_runs(path)
        task = demo_task(seed)
        corpus, sources = task.corpus, task.sources
        full = fit(runs, RepeatedMixture, seed=seed, goal=goal(sources, task.budget))
        truth = pose(full, sources, task.budget, task.targets)
        assert task.budget.params is not None
        at = task.budget.params, float(task.budget.tokens or 0)
        lowest = truth.solve(full.z_KxP[None], at)[0].objective
        seen = observe(with_row_numbers(runs), RepeatedMixture, goal=full.goal)
        judge_KxR = scored_rows(seen.runs, np.ones(len(seen.runs), bool))
        prior, rng = prior_of(corpus), np.random.default_rng(seed)
        for count in COUNTS:
            order = [rng.permutation(len(seen.runs))[:count] for _ in range(DRAWS)]
            train_FxR = np.array([np.isin(np.arange(len(seen.runs)), one) for one in order])
            for name, informed in (("usual prior", seen), ("prior from text", replace(seen, prior=prior))):
                fitted = refit(RepeatedMixture, informed, train_FxR)
                for f, loss_KxR in enumerate(fitted.points()):
                    error_KxR = np.abs(loss_KxR - seen.runs.loss_RxK.T)[:, ~train_FxR[f]]
                    cost = regret(truth, lowest, as_fit(truth.fit, fitted, f))
                    mae = float(error_KxR[judge_KxR[:, ~train_FxR[f]]].mean())
                    found.setdefault((count, name), []).append((mae, cost))
            for train_R in train_FxR:
                mean_K = seen.runs.loss_RxK[train_R].mean(0)
                mae = float(np.abs(seen.runs.loss_RxK[~train_R] - mean_K).mean())
                found.setdefault((count, "mean of the runs"), []).append((mae, np.nan))
    print("held-out error and regret at the budget, nats; means over tables and draws")
    print_row("runs", ("MAE", "se", "regret", "worst"), 26)
    for (count, name), pairs in sorted(found.items()):
        mae_N, cost_N = np.array(pairs).T
        spread = mae_N.std(ddof=1) / np.sqrt(len(mae_N))
        print_row(f"{count:>2} {name}", (mae_N.mean(), spread, cost_N.mean(), cost_N.max()), 26)
    for count in COUNTS:
        with_it, without = (np.mean(found[count, name], 0) for name in ("prior from text", "usual prior"))
        aims.at_most(f"{count} runs: error with the prior / without", with_it[0] / without[0], 1.0)
        aims.at_most(f"{count} runs: regret with the prior / without", with_it[1] / without[1], 1.0)


@dataclass(frozen=True)
class Bench:
    """Text and scale of part 2: proxies of one size, and a budget that is theirs."""

    corpus: Corpus
    scale: ProxySize
    sources: Sources
    targets: tuple[Target, ...]
    store: Path

    @property
    def budget(self) -> Budget:
        """That of one proxy."""
        return Budget(params=float(self.scale.params), tokens=float(self.scale.tokens))

    def project(self, without: str | None = None) -> Project:
        """All sources, or all but one."""
        kept = Sources(source for source in self.sources if source.name != without)
        return Project(kept, self.targets, self.budget, Path(), Path("benchmark"))

    def runs(self, without: str | None = None) -> Runs:
        """Proxies on a design over all sources, or all but one, whose columns then are not there either."""
        project = self.project(without)
        table = design(project.sources, FIVE if without else SIX, seed=0, tokens=self.scale.tokens)
        mixtures = {
            f"{without or 'all'}-{i}": self._shares(project, row) for i, row in enumerate(table.to_dict("records"))
        }
        frame = self.trained(mixtures, 0)
        drop = [] if without is None else [c for c in frame.columns if c.split(":")[-1] == without and c[:4] != "loss"]
        return Runs.from_frame(frame.drop(columns=drop), "runs.csv")

    @staticmethod
    def _shares(project: Project, row: dict) -> dict[str, float]:
        return {name: float(row[f"w:{name}"]) for name in project.sources.names}

    def trained(self, mixtures: dict[str, dict[str, float]], seed: int):
        """The run table of some mixtures."""
        specs = [
            spec_at(self.scale, Mixture(mixture), self.corpus, name, seed=seed) for name, mixture in mixtures.items()
        ]
        return sweep(specs, self.corpus, self.store).table

    def measured(self, mixtures: dict[str, dict[str, float]]) -> dict[str, np.ndarray]:
        """The objective of mixtures, trained with every seed."""
        weight = {target.name: target.weight / sum(t.weight for t in self.targets) for target in self.targets}
        found = {name: [] for name in mixtures}
        for seed in range(100, 100 + SEEDS):
            for row in self.trained(mixtures, seed).to_dict("records"):
                found[str(row["run_id"])].append(sum(v * row[f"loss:{name}"] for name, v in weight.items()))
        return {name: np.array(values) for name, values in found.items()}


def bench(out: Path) -> Bench:
    """The demo's smallest proxies with fewer tokens, their sources cut down so that they repeat as at its budget."""
    task: Task = demo_task(0)
    small = task.proposal.scales[0]
    tokens = round(PART * small.tokens / 256) * 256
    scale = replace(small, tokens=tokens, fraction=small.fraction * tokens / small.tokens)
    unique = unique_tokens(scale, task.corpus)
    sources = Sources(Source(name, float(count)) for name, count in unique.items())
    return Bench(task.corpus, scale, sources, task.targets, out / "store")


def rest(mixture: dict[str, float], name: str, share: float) -> dict[str, float]:
    """A mixture without a source, and so much of it, the others in proportion."""
    return {key: (1 - share) * value for key, value in mixture.items()} | {name: share}


def best_of(case: Bench, project: Project, runs: Runs) -> tuple[Fit, dict[str, float]]:
    """The fit of runs, and the best mixture under it at the proxies' own scale."""
    found = fit(runs, RepeatedMixture, goal=goal(project.sources, case.budget))
    problem = pose(found, project.sources, case.budget, case.targets)
    w_S = problem.solve(found.z_KxP[None], (float(case.scale.params), float(case.scale.tokens)))[0].w_S
    return found, dict(zip(found.sources, w_S.tolist(), strict=True))


def left_out(name: str, case: Bench, everything: dict[str, float], aims: Aims) -> None:
    """Part 2 for one source; `everything` is the best mixture by runs of all."""
    new, fewer = case.sources[name], case.project(name)
    some, without = best_of(case, fewer, case.runs(name))
    texts = texts_of(case.corpus, name)
    priced = appraise(texts, fewer, new, some, replicas=60)
    blind = appraise(texts, fewer, new)
    mixtures = {
        "appraised": dict(priced.mixture),
        "runs of all six": everything,
        "without it": without | {name: 0.0},
        "nearest (no runs)": rest(without, name, blind.best_share),
    }
    loss = case.measured({f"{name}: {key}": mixture for key, mixture in mixtures.items()})
    loss = {key.removeprefix(f"{name}: "): values for key, values in loss.items()}
    low, high = priced.best_share_interval
    print(
        f"\n{name}: share appraised {priced.best_share:.3f} ({low:.3f} to {high:.3f}), by runs {everything[name]:.3f}"
    )
    gain, told = priced.gain, loss["without it"] - loss["appraised"]
    print(
        f"gain of the appraised mixture: {gain['mean']:.4f} ({gain['low']:.4f} to {gain['high']:.4f}) predicted, "
        f"{told.mean():.4f} measured; line of theta: {priced.text}"
    )
    print_row("mixture", ("share", "loss", "se", "regret"), 26)
    best = loss["runs of all six"]
    for key, values in loss.items():
        se = values.std(ddof=1) / np.sqrt(len(values))
        print_row(key, (mixtures[key][name], values.mean(), se, (values - best).mean()), 26)
    aims.at_most(f"{name}: regret of the appraised share, nats", float((loss["appraised"] - best).mean()), 0.02)
    aims.between(f"{name}: measured gain in its interval", float(told.mean()), gain["low"], gain["high"])
    aims.between(f"{name}: share by runs in its interval", everything[name], low, high)


def main() -> None:
    """Print the tables and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, nargs="*", default=[], help="runs.csv of the demo, with seeds 0, 1, ...")
    parser.add_argument("--left-out", nargs="*", default=[], help="sources to leave out of every run")
    parser.add_argument("--out", type=Path, default=Path("mixlaw-out/appraise"))
    options = parser.parse_args()
    print_machine()
    aims = Aims()
    if options.tables:
        learning_curve(options.tables, aims)
    if options.left_out:
        case = bench(options.out)
        runs = case.runs()
        for name in options.left_out:
            case.runs(name)
        everything = best_of(case, case.project(), runs)[1]
        for name in options.left_out:
            left_out(name, case, everything, aims)
    if aims.lines:
        aims.print()


if __name__ == "__main__":
    main()
