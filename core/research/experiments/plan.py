"""The file of an experiment: its kind, its title and its settings."""

import tomllib
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from datrnet.core.catalog.catalog import SPLITS
from datrnet.core.errors import ConfigError, UnknownNameError, nearest

CONFIGS = files("datrnet.core.research.experiments") / "configs"

SECTIONS = ("kind", "title", "about", "split", "settings")

ORDER = (
    "architecture",
    "table-2",
    "table-3",
    "comparison",
    "comparison-pretrained",
    "ablation",
    "list-length",
    "specific-prototypes",
    "changes",
    "t-sne",
    "activation-maps",
    "hyper-parameters",
    "sheets",
)
"""The shipped experiments in the order of the paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An experiment as its file describes it."""

    name: str
    kind: str
    title: str
    about: str
    """What it shows, in a sentence."""
    split: str
    """Whose items are queries and gallery, without --split."""
    settings: Mapping[str, Any]
    is_shipped: bool = False
    """Whether it ships with datrnet."""

    @classmethod
    def load(cls, name_or_path: str) -> "Plan":
        """Read an experiment by its name, or any TOML file by its path.

        Raises:
            UnknownNameError: There is no such experiment or file.
            ConfigError: The file is not valid.
        """
        known = {plan.name: plan for plan in shipped_plans()}
        if name_or_path in known:
            return known[name_or_path]
        path = Path(name_or_path)
        if not path.is_file():
            hint = f"{nearest(name_or_path, known)} There is no such file either."
            raise UnknownNameError("experiment", name_or_path, (), hint=hint)
        try:
            return cls._from_toml(path.read_text("utf-8"), path.stem)
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path} is not a text file in UTF-8.") from error

    def with_settings(self, given: Iterable[str]) -> "Plan":
        """Return the same experiment with settings of the form NAME=VALUE in place of its own.

        A value is written as in TOML; bare words are text. ``train.epochs=2`` reaches into a table.

        Raises:
            ConfigError: A setting is not of that form.
        """
        settings: dict[str, Any] = deepcopy(dict(self.settings))
        for setting in given:
            name, sign, text = setting.partition("=")
            if not (name.strip() and sign and text.strip()):
                raise ConfigError(
                    f"--set {setting!r} is not of the form NAME=VALUE.",
                    hint="For example: --set train.epochs=2",
                )
            *tables, last = name.strip().split(".")
            place = settings
            for table in tables:
                place = place.setdefault(table, {})
                if not isinstance(place, dict):
                    raise ConfigError(f"--set {setting!r}: {table} is not a table of settings.")
            try:
                place[last] = tomllib.loads(f"value = {text.strip()}")["value"]
            except tomllib.TOMLDecodeError:
                place[last] = text.strip()
        return replace(self, settings=settings)

    @classmethod
    def _from_toml(cls, text: str, name: str, *, is_shipped: bool = False) -> "Plan":
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"The experiment {name} is not valid TOML: {error}.") from error
        settings, split = data.get("settings", {}), data.get("split", "test")
        if unknown := next((key for key in data if key not in SECTIONS), None):
            raise ConfigError(
                f"The experiment {name} has an unknown entry {unknown!r}.",
                hint=nearest(unknown, SECTIONS),
            )
        if not isinstance(data.get("kind"), str):
            hint = 'Write: kind = "ablation"'
            raise ConfigError(f"The experiment {name} has no kind.", hint=hint)
        if not isinstance(settings, dict):
            raise ConfigError(f"The settings of the experiment {name} are not a table of settings.")
        if split not in SPLITS:
            raise ConfigError(
                f"The split of the experiment {name} is {split!r}; it must be one of "
                f"{', '.join(SPLITS)}."
            )
        return cls(
            name=name,
            kind=data["kind"],
            title=str(data.get("title", name)),
            about=str(data.get("about", "")),
            split=split,
            settings=settings,
            is_shipped=is_shipped,
        )


def shipped_plans() -> list[Plan]:
    """Return the experiments that ship with datrnet, in the order of the paper."""
    plans = [
        Plan._from_toml(file.read_text("utf-8"), file.name.removesuffix(".toml"), is_shipped=True)
        for file in CONFIGS.iterdir()
        if file.name.endswith(".toml")
    ]
    return sorted(plans, key=lambda plan: place_in_paper(plan.name))


def place_in_paper(name: str) -> int:
    """Return the place of an experiment in the paper; those of users come last."""
    return ORDER.index(name) if name in ORDER else len(ORDER)
