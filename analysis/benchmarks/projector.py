"""How well projectors predict mixtures from few pilots: digits, and real text with proxies. No published table exists.

    python analysis/benchmarks/projector.py                     # digits: four CPU minutes
    python analysis/benchmarks/projector.py --text 3            # and text: 228 small proxies first, ten CPU minutes

A pilot is a mixture run at two scales n0 < n1. Of the mixtures of a case (`projector_digits.py`, `projector_text.py`)
some are drawn as pilots, many times; every form is fitted to the same pilots. Errors are mean absolute ones, on the
mixtures not drawn, at n1 (a run's noise included) and at n2, which no pilot has. `beyond`: no pilot has more than 60%
of a source (of six: 40%), and those judged have. Figures are ratios to the quadratic form's error on the same draws (of
six sources, which leave it more parameters than pilots, to the linear form's): geometric means, ± the standard error
over independent draws of the data (digits) or over cases, which share runs (text).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from aims import Aims
from machine import print_machine
from projector_cases import Case
from projector_digits import digits_cases
from table import print_row

from mixlaw.errors import MixlawError
from mixlaw.projector import (
    FORMS,
    Form,
    choose_projector,
    fit_projector,
    form_named,
    noise_gain,
    project_log_linear,
    project_power_law,
)

COUNTS = (8, 14, 20)
QUADRATIC = form_named("quadratic")
JOINT_QUADRATIC = Form(
    "joint-quadratic", "ln L = 1, w, w^2, w_i w_j - alpha ln n", "", QUADRATIC.powers, pairs=True, joint=True
)
JUDGED = (*FORMS, JOINT_QUADRATIC)


class Errors(NamedTuple):
    """Of every draw and form: error at n1 and n2, noise gain at n2; nan where the form is refused."""

    at_1_DxF: np.ndarray
    at_2_DxF: np.ndarray
    gain_DxF: np.ndarray


def errors(case: Case, count: int, beyond: bool, draws: int, distance: str | None = None) -> Errors:
    """Errors of all forms on one case."""
    rng = np.random.default_rng([count, beyond, 17])
    found = np.full((3, draws, len(JUDGED)), np.nan)
    for draw in range(draws):
        which, judged = case.split(count, beyond, rng)
        for f, form in enumerate(JUDGED):
            try:
                projector = fit_projector(case.pilots(which, distance or case.main), form)
            except MixlawError:
                continue
            for at in (1, 2):
                known = judged[np.isfinite(case.reached_3xM[at, judged])]
                d_Q = case.distance[distance or case.main][known]
                there = projector.predict_at(case.w_MxS[known], d_Q, case.scales[at])
                found[at - 1, draw, f] = np.abs(there.performance_Q - case.reached_3xM[at, known]).mean()
                found[2, draw, f] = np.median(there.gain_Q)
    return Errors(*found)


def ratio(parts: Sequence[np.ndarray], form: str, over: str) -> tuple[float, float]:
    """Geometric mean of errors of a form over those of another, and its standard error over the parts (D, F)."""
    names = [form.name for form in JUDGED]
    a, b = names.index(form), names.index(over)
    means = np.array([np.nanmean(np.log(part[:, a] / part[:, b])) for part in parts])
    error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else np.nan
    return float(np.exp(means.mean())), float(np.exp(means.mean()) * error)


def print_ratios(name: str, cases: list[Case], draws: int, aims: Aims) -> None:
    """A table of one kind of case: forms by numbers of pilots, interpolated and beyond."""
    names = [form.name for form in JUDGED]
    over = "quadratic" if len(cases[0].sources) == 3 else "linear"
    settings = [(count, False) for count in COUNTS] + [(count, True) for count in COUNTS[:2]]
    found = {setting: [errors(case, *setting, draws) for case in cases] for setting in settings}
    print(f"\n{name}: {len(cases)} cases, {draws} draws of pilots each; error at n1, n2 over the {over} form's [error]")
    print_row("pilots", [f"{count}{' beyond' if beyond else ''}" for count, beyond in settings for _ in "12"], 18)

    def at(setting: tuple[int, bool], scale: int) -> list[np.ndarray]:
        return [each[scale - 1] for each in found[setting]]

    for form in names:
        print_row(form, [_cell(at(setting, n), form, over) for setting in settings for n in (1, 2)], 18)
    cells = ["{:.2f}±{:.2f}".format(*ratio(at(s, n), "joint", "joint-mixture")) for s in settings for n in (1, 2)]
    print_row("with / without d", cells, 18)
    gains = np.nanmedian(np.concatenate([each.gain_DxF for each in found[8, False]]), 0)
    told = [f"{form} {gains[names.index(form)]:.2g}" for form in ("joint", over)]
    print(f"noise gain at n2, 8 pilots, median: {', '.join(told)} (joint: of relative deviations)")
    for n in (1, 2) if over == "quadratic" else ():
        inside, beyond = (ratio(at((8, far), n), "joint", over)[0] for far in (False, True))
        aims.at_most(f"{name}, 8 pilots, n{n}: joint / quadratic", inside, 0.95, ("quadratic", 1.0))
        aims.at_most(f"{name}, 8 pilots, beyond, n{n}: joint / quadratic", beyond, 0.7, ("quadratic", 1.0))


def _cell(parts: list[np.ndarray], form: str, over: str) -> str:
    """A ratio with its standard error; of the form that others are set against, its median error."""
    errors_D = np.concatenate(parts)[:, [f.name for f in JUDGED].index(form)]
    if np.isnan(errors_D).all():
        return "refused"
    return f"[{np.nanmedian(errors_D):.3f}]" if form == over else "{:.2f}±{:.2f}".format(*ratio(parts, form, over))


def print_scales(groups: dict[str, list[Case]], aims: Aims) -> None:
    """The two rules over scales, given what was reached at n0 and n1."""
    print("\nrules over scales given the values at n0 and n1: error at n2, mean")
    print_row("", ("log-linear", "power law", "ratio", "gain"), 22)
    for name, cases in groups.items():
        error = []
        for case in cases:
            ran = np.isfinite(case.reached_3xM[2])
            r0, r1, r2 = case.reached_3xM[:, ran]
            rules = (project_log_linear, project_power_law)
            n0, n1, n2 = case.scales
            error.append([np.abs(rule(r0, r1, n2, n0, n1) - r2).mean() for rule in rules])
        line, power = np.mean(error, 0)
        n0, n1, n2 = cases[0].scales
        print_row(name, (line, power, power / line, noise_gain(n2, n0, n1)), 22)
        aims.at_most(f"{name}: power law / log-linear rule, error at n2", power / line, 0.6, ("log-linear rule", 1.0))


def picked(case: Case, draws: int, count: int = 8) -> np.ndarray:
    """Regret (draws, ways) of the mixture picked among those not drawn, at the largest scale where all ran."""
    rng = np.random.default_rng([count, 5])
    at = 2 if np.isfinite(case.reached_3xM[2]).all() else 1
    rows = []
    for _ in range(draws):
        which, judged = case.split(count, False, rng)
        reached = case.reached_3xM[at, judged]
        tables = {name: case.pilots(which, name) for name in case.distance}

        def lost(form: Form, name: str, tables=tables, judged=judged, reached=reached) -> float:
            d_Q = case.distance[name][judged]
            there = fit_projector(tables[name], form).predict_at(case.w_MxS[judged], d_Q, case.scales[at])
            return float(reached[np.argmin(there.performance_Q)] - reached.min())

        choice = choose_projector(tables)
        rows.append(
            [
                lost(form_named("joint"), case.main),
                lost(QUADRATIC if len(case.sources) == 3 else form_named("linear"), case.main),
                lost(choice.projector.form, choice.distance),
                lost(*least_error(case, which)),
                reached[np.argmin(case.distance[case.main][judged])] - reached.min(),
                reached.mean() - reached.min(),
            ]
        )
    return np.array(rows)


def least_error(case: Case, which: np.ndarray) -> tuple[Form, str]:
    """The form and distance with the lowest leave-one-mixture-out error."""
    found = {}
    for name in case.distance:
        pilots = case.pilots(which, name)
        for form in FORMS:
            error = []
            try:
                for group in range(len(which)):
                    out_R = pilots.group_R == group
                    held = pilots.of_rows(out_R)
                    projector = fit_projector(pilots.of_rows(~out_R), form)
                    for n in held.scales:
                        here = held.of_rows(held.n_R == n)
                        there = projector.predict_at(here.w_RxS, here.distance_R, n)
                        error += list(np.abs(there.performance_Q - here.performance_R))
            except MixlawError:
                continue
            found[form, name] = np.mean(error)
    return min(found, key=lambda candidate: found[candidate])


def print_regrets(groups: dict[str, list[Case]], draws: int) -> None:
    """What the picked mixture loses, by how the form was chosen."""
    ways = ("joint", "reference", "by regret", "by LOO", "nearest", "at random")
    print(
        "\nregret of the mixture picked among those not drawn, 8 pilots, mean over draws; by regret, by LOO: form and"
    )
    print("distance chosen by held-out regret, by leave-one-out error; nearest: by the distance alone; reference: the")
    print("quadratic form, the linear one of six sources")
    print_row("", ways, 22)
    for name, cases in groups.items():
        parts = np.array([picked(case, draws).mean(0) for case in cases])
        print_row(name, parts.mean(0), 22)
        print_row("  ±", parts.std(0, ddof=1) / np.sqrt(len(parts)), 22)


def main() -> None:
    """Print the tables and the aims."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=int, default=8, help="independent draws of the digits")
    parser.add_argument("--draws", type=int, default=60, help="draws of pilots on each case")
    parser.add_argument("--picks", type=int, default=6, help="draws of pilots for regrets")
    parser.add_argument("--text", type=int, default=0, help="sets of sources of real text, with proxies: up to 3")
    parser.add_argument(
        "--out", type=Path, default=Path("mixlaw-out/projector"), help="where the proxies' runs are kept"
    )
    options = parser.parse_args()
    print_machine()
    aims, groups = Aims(), {}
    for draw in range(options.data):
        for case in digits_cases(draw):
            groups.setdefault(case.name, []).append(case)
    if options.text:
        from projector_text import text_cases

        for case in text_cases(options.out / "store", options.text):
            groups.setdefault(f"text, {len(case.sources)} sources", []).append(case)
    for name, cases in groups.items():
        print_ratios(name, cases, options.draws, aims)
    print_scales(groups, aims)
    print_regrets(groups, options.picks)
    aims.print()


if __name__ == "__main__":
    main()
