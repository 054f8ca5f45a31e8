"""Rate and time left come from what was trained, by its compute."""

import dataclasses

from factories.sweeps import corpus, specs

from proxies.sweep.job import Job, RunProgress
from proxies.sweep.progress import RATE_WINDOW, Meter
from proxies.sweep.store import Store
from proxies.tasks.cost import cost
from proxies.tasks.proxy_sizes import RUN_OVERHEAD


def meter():
    """Two runs, the second of twice the compute, and a clock to set."""
    short, long = specs(1, tokens=16_000)[0], specs(1, tokens=32_000)[0]
    clock = {"now": 0.0}
    return Meter({"short": Job("short", short), "long": Job("long", long)}, lambda: clock["now"]), clock


def test_the_rate_is_what_was_trained_and_the_time_left_goes_by_compute():
    gauge, clock = meter()
    status = gauge.status(0, 0)
    assert (status.tokens_per_second, status.seconds_left, status.share) == (None, None, 0.0)
    clock["now"] = 10.0
    gauge.update(RunProgress("short", 16_000, 16_000))
    status = gauge.status(1, 0, "short")
    assert (status.done, status.total, status.message) == (1, 2, "short")
    assert status.tokens_per_second == 1600.0
    assert abs(status.seconds_left - 20.0) < 1e-9
    assert abs(status.share - 1 / 3) < 1e-9


def test_what_was_found_counts_as_done_but_not_as_trained():
    gauge, clock = meter()
    gauge.finish("short")
    gauge.update(RunProgress("long", 16_000, 32_000, here=False))  # gone on from its state
    clock["now"] = 5.0
    gauge.update(RunProgress("long", 20_000, 32_000))
    status = gauge.status(1, 0)
    assert status.tokens_per_second == 4_000 / 5.0
    assert abs(status.seconds_left - 15.0) < 1e-9


def test_the_rate_forgets_what_is_long_past():
    gauge, clock = meter()
    gauge.update(RunProgress("short", 16_000, 16_000))
    for second in range(1, 200):
        clock["now"] = float(second)
        status = gauge.status(1, 0)
    assert status.tokens_per_second is None
    assert len(gauge.marks) <= RATE_WINDOW + 2


def test_the_cost_counts_what_the_store_lacks_once(tmp_path):
    runs, texts, store = specs(3), corpus(), Store.at(tmp_path)
    store.open()
    store.write(runs[0].key(texts.hash), [])
    runs.append(dataclasses.replace(runs[1], run_id="same again"))
    price = cost(runs, texts, store)
    assert (price.runs, price.missing) == (4, 2)
    assert price.flops == runs[1].flops + runs[2].flops
    assert price.core_seconds > 2 * RUN_OVERHEAD
    assert price.seconds(1) == price.core_seconds > price.seconds(2) >= price.longest == price.seconds(100)
