"""Who reports a problem says so where no GPU computed."""

from flambeau import environment
from flambeau.kernels.cuda import driver


def test_the_report_names_the_simulator(cupy, monkeypatch):
    driver.why_not.cache_clear()
    assert ", simulated: FLAMBEAU_CUDA_SIMULATOR is set" in environment.report()
    monkeypatch.setenv("FLAMBEAU_CUDA_SIMULATOR", "0")
    driver.why_not.cache_clear()
    assert "simulated" not in environment.report()
    driver.why_not.cache_clear()
