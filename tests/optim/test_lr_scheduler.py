"""Every schedule against PyTorch's recorded step sizes and momenta."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flambeau as torch
from flambeau.optim import lr_scheduler

RECORDS = json.loads((Path(__file__).parents[1] / "data" / "schedules.json").read_text())


def optimizer() -> torch.optim.SGD:
    p, q = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    return torch.optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.5}], lr=0.1, momentum=0.9)


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_step_sizes_epoch_by_epoch(record: dict[str, Any]) -> None:
    o = optimizer()
    make = getattr(lr_scheduler, record["name"])
    schedule = make(o, **record["options"])
    for want in record["rows"]:
        got = [[group["lr"], group["momentum"]] for group in o.param_groups]
        np.testing.assert_allclose(got, want, rtol=1e-12)
        o.step()
        schedule.step()
    if record["resumed"] is None:
        return
    schedule = make(o, **record["options"], last_epoch=4)
    for want in record["resumed"]:
        np.testing.assert_allclose([group["lr"] for group in o.param_groups], want, rtol=1e-12)
        o.step()
        schedule.step()


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: f"{r['name']}-{r['options']}")
def test_a_loaded_schedule_goes_on(record: dict[str, Any]) -> None:
    o = optimizer()
    schedule = getattr(lr_scheduler, record["name"])(o, **record["options"])
    for _ in range(5):
        o.step()
        schedule.step()
    state = schedule.state_dict()
    assert sorted(state) == record["keys"] or record["resumed"] is not None
    other = getattr(lr_scheduler, record["name"])(o, **record["options"])
    other.load_state_dict(state)
    for group, row in zip(o.param_groups, record["rows"][5], strict=True):
        group["lr"], group["momentum"] = row
    o.step()
    other.step()
    got = [[group["lr"], group["momentum"]] for group in o.param_groups]
    np.testing.assert_allclose(got, record["rows"][6], rtol=1e-12)


def test_functions_of_the_epoch() -> None:
    o = optimizer()
    schedule = lr_scheduler.LambdaLR(o, [lambda epoch: 1 / (1 + epoch), lambda epoch: 2.0])
    o.step()
    schedule.step()
    assert schedule.get_last_lr() == [0.05, 1.0]
    other = lr_scheduler.MultiplicativeLR(o, lambda epoch: 0.5)
    o.step()
    other.step()
    other.step()
    assert other.get_last_lr() == [0.0125, 0.25]
    assert schedule.state_dict()["lr_lambdas"] == [None, None]


def test_schedules_after_each_other() -> None:
    """PyTorch's numbers for a warm-up, a cosine and a decay."""
    o = optimizer()
    schedule = lr_scheduler.SequentialLR(
        o,
        [
            lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=3),
            lr_scheduler.CosineAnnealingLR(o, T_max=6),
            lr_scheduler.ExponentialLR(o, 0.5),
        ],
        milestones=[3, 9],
    )
    got = []
    for _ in range(12):
        got.append(o.param_groups[1]["lr"])
        o.step()
        schedule.step()
    half = [0.5 * (1 + math.cos(math.pi * i / 6)) / 2 for i in range(6)]
    np.testing.assert_allclose(got, [0.05, 0.2, 0.35, *half, 0.5, 0.25, 0.125], rtol=1e-9)


def sequence(o: torch.optim.Optimizer, milestone: int, last_epoch: int = -1) -> Any:
    parts = [lr_scheduler.ConstantLR(o, 0.1, total_iters=2), lr_scheduler.ExponentialLR(o, 0.9)]
    return lr_scheduler.SequentialLR(o, parts, [milestone], last_epoch)


@pytest.mark.parametrize("milestone", [0, 3, 4])
def test_schedules_after_each_other_go_on_from_any_epoch(milestone: int) -> None:
    """With the milestone 3: 0.1, 0.1, 1, 1, 0.9, ... as without a pause. (PyTorch 2.13.0 begins anew.)"""
    first = [0.1, 0.1, 1.0, 1.0][:milestone]
    want = [*first, *(0.9**i for i in range(12 - milestone))]
    for done in range(-1, 8):
        o = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 1.0)
        o.param_groups[0]["initial_lr"] = 1.0
        schedule = sequence(o, milestone, done)
        assert schedule.last_epoch == max(done, 0)
        got = []
        for _ in range(4):
            assert schedule.get_last_lr() == [o.param_groups[0]["lr"]]
            got.append(o.param_groups[0]["lr"])
            o.step()
            schedule.step()
        np.testing.assert_allclose(got, want[max(done, 0) :][:4])


def test_schedules_on_top_of_each_other() -> None:
    o = optimizer()
    schedule = lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o, factor=0.1, total_iters=2), lr_scheduler.ExponentialLR(o, 0.9)]
    )
    got = []
    for _ in range(4):
        got.append(o.param_groups[1]["lr"])
        o.step()
        schedule.step()
    np.testing.assert_allclose(got, [0.05, 0.045, 0.405, 0.3645], rtol=1e-9)


def test_a_plateau_is_waited_for() -> None:
    o = optimizer()
    schedule = lr_scheduler.ReduceLROnPlateau(o, patience=1, cooldown=1, min_lr=[0.001, 0.01])
    got = []
    for measure in [3, 2, 2, 2, 2, 2, 2, 1, math.nan, 1, 1]:
        schedule.step(measure)
        got.append(o.param_groups[1]["lr"])
    np.testing.assert_allclose(got, [0.5] * 3 + [0.05] * 3 + [0.01] * 5, rtol=1e-9)
    assert schedule.best == 1.0
    assert schedule.get_last_lr() == [pytest.approx(0.001), 0.01]


def test_the_wrong_order_is_warned_of() -> None:
    o = optimizer()
    schedule = lr_scheduler.StepLR(o, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        schedule.step()


def test_get_lr_points_to_get_last_lr() -> None:
    o = optimizer()
    schedule = lr_scheduler.StepLR(o, 1)
    with pytest.warns(UserWarning, match="get_last_lr"):
        schedule.get_lr()


def test_a_tensor_step_size_is_written_to() -> None:
    p = torch.nn.Parameter(torch.ones(1))
    lr = torch.tensor(0.5)
    o = torch.optim.SGD([p], lr=lr)
    schedule = lr_scheduler.ExponentialLR(o, 0.5)
    o.step()
    schedule.step()
    assert o.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda o: lr_scheduler.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: lr_scheduler.StepLR(o, 1, last_epoch=3), KeyError, "initial_lr"),
        (lambda o: lr_scheduler.ConstantLR(o, factor=2), ValueError, "between 0 and 1"),
        (lambda o: lr_scheduler.LambdaLR(o, [abs]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda o: lr_scheduler.OneCycleLR(o, 1.0), ValueError, "You must define either"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=1), ValueError, "Factor should be"),
        (lambda o: lr_scheduler.ReduceLROnPlateau(o, "up"), ValueError, "mode up is unknown"),
        (lambda o: lr_scheduler.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (
            lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
            ValueError,
            "Expected positive integer T_0",
        ),
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(optimizer())


def test_a_cycle_ends() -> None:
    o = optimizer()
    schedule = lr_scheduler.OneCycleLR(o, 1.0, total_steps=2)
    for _ in range(2):
        o.step()
        schedule.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        schedule.step()
