"""With HYDRA_OPS_STRICT=1, as in `make test`, a test that lacks something fails instead of being left out."""

import os

import pytest

# what setup.sh does not install, or no program can have
MAY_LACK = ("no Java", "only root may mount", "the advisory database cannot be reached")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.skipped and os.environ.get("HYDRA_OPS_STRICT"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(MAY_LACK):
            report.outcome, report.longrepr = "failed", f"left out: {reason}"
