"""The command line."""


def main() -> int:
    """Run `villas-rig`."""
    return 0
