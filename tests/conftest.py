"""Inner pytest runs for the tests of the plugin, and no deadline for property tests: machines differ."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    # the acceptance tests run without the tools of the other tests
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings  # noqa: PLC0415

        settings.register_profile("patient", deadline=None)
        settings.load_profile("patient")
