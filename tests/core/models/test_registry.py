"""The product loads the comparison systems only where a run has one."""

import subprocess
import sys

from datrnet.core.config import BACKBONE_NAMES, SYSTEM_NAMES
from datrnet.core.models.registry import comparison_systems
from datrnet.core.research.backbones.networks import BACKBONES
from datrnet.core.research.systems.registry import METHODS

CODE = """
import sys
import datrnet.core.demo.prepare, datrnet.core.indexing.activations, datrnet.core.indexing.build
import datrnet.core.sessions, datrnet.core.training.run
print(*[name for name in sys.modules if name.startswith("datrnet.core.research")])
"""


def test_the_product_alone_loads_no_research() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_registry_finds_the_systems() -> None:
    systems = comparison_systems()
    assert callable(systems.make_learner)
    assert "adde-m" in METHODS


def test_the_names_that_help_and_configs_list_are_those_of_the_systems() -> None:
    assert set(SYSTEM_NAMES) == {"datrnet", *METHODS}
    assert set(BACKBONE_NAMES) == set(BACKBONES)
