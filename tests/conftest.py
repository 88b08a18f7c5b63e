"""Inner pytest runs for the tests of the plugin, and no deadline for property tests: machines differ."""

from hypothesis import settings

pytest_plugins = ["pytester"]

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
