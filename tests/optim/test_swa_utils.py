"""Averages of weights and SWALR, with PyTorch 2.13's answers."""

import pytest

import flambeau as torch
from flambeau import nn
from flambeau.optim import swa_utils


@pytest.mark.parametrize(
    ("strategy", "epochs", "rates"),
    [
        ("cos", 4, [1.0, 0.868198, 0.55, 0.231802, 0.1, 0.1, 0.1]),
        ("linear", 3, [1.0, 0.7, 0.4, 0.1, 0.1, 0.1, 0.1]),
        ("cos", 0, [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]),
    ],
)
def test_swalr(strategy, epochs, rates):
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=1.0)
    schedule = swa_utils.SWALR(optimizer, 0.1, epochs, strategy)
    found = [optimizer.param_groups[0]["lr"]]
    for _ in range(6):
        optimizer.step()
        schedule.step()
        found.append(schedule.get_last_lr()[0])
    assert found == pytest.approx(rates, abs=1e-6)


def test_swalr_refuses_what_it_cannot_do():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(2))], lr=1.0)
    with pytest.raises(ValueError, match="'cos' or 'linear'"):
        swa_utils.SWALR(optimizer, 0.1, 1, "sine")
    with pytest.raises(ValueError, match="equal or greater than 0"):
        swa_utils.SWALR(optimizer, 0.1, -1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 7 / 3),
        ({"avg_fn": swa_utils.get_ema_avg_fn(0.9)}, 1.39),
        ({"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(0.9)}, 1.39),
    ],
)
def test_averaged_model(options, expected):
    model = nn.Linear(1, 1)
    average = swa_utils.AveragedModel(model, **options)
    for value in (1.0, 2.0, 4.0):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert average.n_averaged.item() == 3
    assert list(average.state_dict()) == ["n_averaged", "module.weight", "module.bias"]


def test_update_bn():
    model = nn.Sequential(nn.BatchNorm1d(2)).eval()
    batches = [
        torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        [torch.tensor([[5.0, 6.0], [9.0, 10.0]]), torch.zeros(2)],
    ]
    swa_utils.update_bn(batches, model)
    assert model[0].running_mean.tolist() == [4.5, 5.5]
    assert model[0].running_var.tolist() == [5.0, 5.0]
    assert model[0].momentum == 0.1
    assert not model[0].training


def test_decays_are_checked():
    with pytest.raises(ValueError, match="Invalid decay value 2"):
        swa_utils.get_ema_avg_fn(2)


def test_the_mean_of_models_one_by_one_and_all_at_once() -> None:
    one, all_ = torch.optim.swa_utils.get_swa_avg_fn(), torch.optim.swa_utils.get_swa_multi_avg_fn()
    average, others = torch.tensor([1.0]), [torch.tensor([1.0]), torch.tensor([3])]
    for count, new in enumerate((2.0, 6.0), 1):
        average = one(average, torch.tensor([new]), count)
        all_(others, [torch.tensor([new]), torch.tensor([int(new)])], count)
    assert average.item() == 3.0
    assert [x.item() for x in others] == [3.0, 6]
