"""VILLASnode configurations: read them, mirror and move their nodes, write them, and find what is wrong with them.

>>> from pytest_villas import config
>>> node = config.load("fixtures/nanomsg.conf").nodes["nanomsg_node"]
>>> node.output.endpoints[0], node.mirror().input.endpoints[0]
('tcp://*:12000', 'tcp://127.0.0.1:12000')
"""

from pytest_villas.config.checks import lint
from pytest_villas.config.dumping import dump, dump_engine
from pytest_villas.config.endpoint import Endpoint
from pytest_villas.config.finding import Finding
from pytest_villas.config.loading import load
from pytest_villas.config.model import Config, Direction, Node
from pytest_villas.config.relocation import relocate

__all__ = ["Config", "Direction", "Endpoint", "Finding", "Node", "dump", "dump_engine", "lint", "load", "relocate"]
