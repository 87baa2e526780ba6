"""`datrnet compare`: what a person asks for, as the experiment that answers it."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from datrnet.core.errors import ConfigError
from datrnet.core.experiments.plan import Plan

TIME = re.compile(r"(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """What a person asks for, as typed."""

    systems: Sequence[str] = ()
    budget: str | None = None
    epochs: int | None = None
    seeds: int | None = None
    pretrained: bool = False
    config: str | None = None
    split: str | None = None
    settings: Sequence[str] = ()

    @property
    def command(self) -> str:
        """The command that repeats it, wherever the workspace lies."""
        return shlex.join(["datrnet", "compare", *self._words()])

    @property
    def plan(self) -> Plan:
        """The experiment that is meant.

        Raises:
            ConfigError: The budget is no time, or time and epochs are both given.
        """
        if self.budget is not None and self.epochs is not None:
            raise ConfigError("--budget and --epochs are two ways to say when to stop; give one.")
        name = "comparison-pretrained" if self.pretrained else "comparison"
        plan = Plan.load(name)
        tables = plan.with_settings(()).settings
        settings = dict(tables)
        if self.systems:
            names = [one.strip() for given in self.systems for one in given.split(",")]
            settings["systems"] = [one for one in names if one]
            if not settings["systems"]:
                raise ConfigError(
                    "--systems names none.",
                    mend="Name some, as --systems adde-m,datrnet, or leave it away for all.",
                )
        if self.budget is not None:
            settings["system"] = {**tables.get("system", {}), "minutes": minutes_of(self.budget)}
        if self.epochs is not None:
            settings["system"] = {**tables.get("system", {}), "minutes": 0.0}
            settings["train"] = {**tables.get("train", {}), "epochs": self.epochs}
        if self.seeds is not None:
            settings["seeds"] = list(range(self.seeds))
        if self.config is not None:
            settings["base"] = self.config
        plan = replace(plan, settings=settings, split=self.split or plan.split)
        return plan.with_settings(self.settings)

    def _words(self) -> Iterator[str]:
        named = {
            "--budget": self.budget,
            "--epochs": self.epochs,
            "--seeds": self.seeds,
            "--config": self.config,
            "--split": self.split,
        }
        for one in self.systems:
            yield from ("--systems", one)
        yield from ("--pretrained",) if self.pretrained else ()
        for name, value in named.items():
            yield from () if value is None else (name, str(value))
        for one in self.settings:
            yield from ("--set", one)


def minutes_of(text: str) -> float:
    """Return a time as 90s, 10m or 1h30m in minutes.

    Raises:
        ConfigError: It is none.
    """
    found = TIME.fullmatch(text.strip().lower())
    parts = {name: int(one) for name, one in found.groupdict().items() if one} if found else {}
    seconds = 3600 * parts.get("hours", 0) + 60 * parts.get("minutes", 0) + parts.get("seconds", 0)
    if not seconds:
        raise ConfigError(f"{text!r} is no time.", mend="Write it as 90s, 10m or 1h30m.")
    return seconds / 60
