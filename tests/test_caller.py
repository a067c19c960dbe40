"""Warnings name the line of the program that caused them, in a function's first calls and in all later ones."""

import warnings

import pytest

import flambeau as torch

F = torch.nn.functional
WARNING = {
    "softmax without dim": lambda: F.softmax(torch.ones(2, 2)),
    "softmin": lambda: F.softmin(torch.ones(2)),
    "size_average": lambda: F.l1_loss(torch.ones(2), torch.ones(2), reduce=True),
    "mse of other sizes": lambda: F.mse_loss(torch.ones(2), torch.ones(1, 2)),
    "var of one": lambda: torch.var(torch.ones(1)),
    "T of three dimensions": lambda: torch.ones(2, 2, 2).T,
    "out of another size": lambda: torch.add(torch.ones(3), 1, out=torch.ones(2)),
    "step before": lambda: scheduler().step(),
}


def scheduler():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], 0.1)
    return torch.optim.lr_scheduler.StepLR(optimizer, 1)


@pytest.mark.parametrize("name", WARNING)
def test_warnings_name_the_users_line(name):
    for _ in range(20):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            WARNING[name]()
        assert [item.filename for item in caught] == [__file__]
