"""What the product uses of the comparison systems; see ``core/models/registry.py``."""

import torch

from datrnet.core.catalog.catalog import Catalog
from datrnet.core.config import Config
from datrnet.core.models.registry import Localizer
from datrnet.core.models.run_folder import RunFolder
from datrnet.core.research.method_learner import make_learner
from datrnet.core.research.split_folder_triplets import check_triplets_folder, triplets_folder
from datrnet.core.research.systems.fashionsearchnet import FashionSearchNet
from datrnet.core.research.systems.registry import check_choices, load_method

__all__ = ["check_choices", "check_training", "load_localizer", "load_method", "make_learner"]


def check_training(config: Config, catalog: Catalog) -> None:
    """Refuse a folder of triplets that has none of items to train on."""
    folder = triplets_folder(config.system)
    if folder is not None:
        check_triplets_folder(folder, catalog)


def load_localizer(run: RunFolder, device: torch.device) -> Localizer:
    """Return the trained FashionSearchNet of a run."""
    method = load_method(run)
    assert isinstance(method, FashionSearchNet), "only its runs have regions"
    return method.to(device)
