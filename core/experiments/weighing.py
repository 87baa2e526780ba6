"""An index evaluated with the weights chosen for it, and with the paper's equal ones."""

from datrnet.core.evaluation.assess import Assessment, assess, equal_weights_of
from datrnet.core.evaluation.protocol import Protocol
from datrnet.core.experiments.setting import Setting


def assessed_in_both_ways(setting: Setting, protocol: Protocol) -> dict[str, Assessment]:
    """Evaluate the current index and keep the figures.

    Returns:
        By the name of the weights: ``chosen`` on the validation items, and ``equal``.
    """
    found = {}
    for name, weights in (("chosen", None), ("equal", equal_weights_of(setting.generation))):
        found[name] = assess(
            setting.catalog,
            setting.generation,
            setting.split,
            protocol,
            weights=weights,
            on_progress=setting.on_progress,
        )
        found[name].keep(setting.store)
    return found
