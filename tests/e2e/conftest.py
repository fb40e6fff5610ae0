"""End-to-end tests run inside the lab: see tests/lab/lab.py."""
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
import lab as labs  # noqa: E402


def pytest_configure(config):
    """Starts pytest again inside the lab's namespaces."""
    if not labs.inside():
        # It has put files in the place of stdout and stderr, which would go on.
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture:
            capture.stop_global_capturing()
    labs.enter()


@pytest.fixture
def lab(request):
    """An empty lab, named after the test and taken down after it."""
    with labs.Lab(request.node.name) as l:
        yield l


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if hasattr(value, "logs"):
                report.sections.append(("lab", value.logs()))
