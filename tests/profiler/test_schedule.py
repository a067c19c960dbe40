"""Steps: the answers are PyTorch 2.13's."""

import json

import pytest

import flambeau as torch
from flambeau.profiler import profile, schedule, tensorboard_trace_handler


@pytest.mark.parametrize(
    ("options", "actions"),
    [
        ({"wait": 1, "warmup": 1, "active": 2, "repeat": 1, "skip_first": 1}, "N N W R S N N N"),
        ({"wait": 1, "warmup": 1, "active": 2}, "N W R S N W R S N W"),
        (
            {
                "wait": 2,
                "warmup": 1,
                "active": 1,
                "repeat": 2,
                "skip_first": 1,
                "skip_first_wait": 1,
            },
            "N W S N N W S N N N N N N N",
        ),
    ],
)
def test_actions(options, actions):
    letters = {"NONE": "N", "WARMUP": "W", "RECORD": "R", "RECORD_AND_SAVE": "S"}
    plan = schedule(**options)
    steps = range(len(actions.split()))
    assert " ".join(letters[plan(step).name] for step in steps) == actions


def test_wrong_numbers():
    with pytest.raises(AssertionError, match=r"Got wait=0 .* active=0 \(need > 0\)"):
        schedule(wait=0, warmup=0, active=0)
    with pytest.raises(AssertionError, match=r"Step must be non-negative\. Got -1\."):
        schedule(wait=0, warmup=0, active=1)(-1)


def traced(**options):
    seen = []

    def ready(prof):
        seen.append((prof.step_num, [event.trace_name for event in prof.events()]))

    with profile(on_trace_ready=ready, **options) as prof:
        for _ in range(9):
            torch.neg(torch.ones(1))
            prof.step()
    assert prof.step_num == 9
    return seen


def step(number):
    return [f"ProfilerStep#{number}", "aten::ones", "aten::neg"]


def test_cycles():
    plan = schedule(wait=1, warmup=1, active=2, repeat=2)
    assert traced(schedule=plan) == [(4, step(2) + step(3)), (8, step(6) + step(7))]


def test_cycles_without_pause():
    plan = schedule(wait=0, warmup=0, active=1)
    assert [names for _, names in traced(schedule=plan)][:9] == [step(i) for i in range(9)]


def test_cycles_that_accumulate():
    plan = schedule(wait=2, warmup=1, active=1, repeat=2)
    assert traced(schedule=plan, acc_events=True) == [(4, step(3)), (8, step(3) + step(7))]


def test_names_of_steps_in_averages():
    with profile(schedule=schedule(wait=0, warmup=0, active=3)) as prof:
        prof.step()
        prof.step()
    assert [(row.key, row.count) for row in prof.key_averages()] == [("ProfilerStep*", 3)]


def test_handler_writes_files(tmp_path):
    with profile(on_trace_ready=tensorboard_trace_handler(str(tmp_path), "me")):
        torch.ones(1)
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("me.")
    assert path.name.endswith(".pt.trace.json")
    assert json.loads(path.read_text())["schemaVersion"] == 1
