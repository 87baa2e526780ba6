"""A run's folder: the networks of all super-categories, their config and the log.

models/<run>/
    run.json                  format, config, super-categories with their values, splits' sizes
    log.jsonl                 one line an epoch and super-category
    <n>-<super-category>.safetensors         best weights by validation
    <n>-<super-category>.resume.pt           state of an unfinished network
    <n>-<super-category>.json                figures of a finished network, written last
    system.safetensors, manipulation.npz     of a comparison system, for all super-categories
    system.resume.pt                         its state while it is unfinished
    system.json                              its figures, written last
    released.json                            of released weights: the files they came from
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datrnet.core.config import Config
from datrnet.core.errors import CheckpointError
from datrnet.db.rows import SuperCategory

if TYPE_CHECKING:
    from torch import nn

    from datrnet.core.models.datrnet import DAtRNet

FORMAT = 1
RUN_FILE = "run.json"
LOCK_FILE = "lock"
DIVERGENCE_FILE = "diverged.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFolder:
    """A run: its folder, its config and its super-categories."""

    path: Path
    config: Config
    super_categories: tuple[SuperCategory, ...]
    kept: tuple[int, ...] | None = None
    """The numbers of these super-categories in the run, if it has others; see ``of``."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def log_path(self) -> Path:
        """The log, one JSON object a line."""
        return self.path / "log.jsonl"

    @property
    def divergence_path(self) -> Path:
        """Why training diverged, in words; absent if it did not."""
        return self.path / DIVERGENCE_FILE

    def create(self) -> None:
        """Write the folder and its ``run.json``."""
        self.path.mkdir(parents=True, exist_ok=True)
        facts = {
            "format": FORMAT,
            "config": self.config.to_dict(),
            "super_categories": [asdict(category) for category in self.super_categories],
        }
        write_atomically(self.path / RUN_FILE, json.dumps(facts, indent=1, ensure_ascii=False))

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Read a run.

        Raises:
            CheckpointError: There is none, or it is damaged or of another format.
        """
        try:
            facts: dict[str, Any] = json.loads((path / RUN_FILE).read_text("utf-8"))
            if facts["format"] != FORMAT:
                raise CheckpointError(
                    f"The run {path.name} has format {facts['format']}; "
                    f"this datrnet reads {FORMAT}.",
                    hint="Train again with `datrnet train`.",
                )
            return cls(
                path=path,
                config=Config.from_dict(facts["config"], source=path.name),
                super_categories=tuple(
                    SuperCategory(name=stored["name"], values=tuple(stored["values"]))
                    for stored in facts["super_categories"]
                ),
            )
        except FileNotFoundError as error:
            raise CheckpointError(
                f"There is no run in {path}.", hint="Run `datrnet train` first."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path / RUN_FILE} is damaged.", hint="Train again with `datrnet train`."
            ) from error

    def of(self, kept: Sequence[int]) -> "RunFolder":
        """Return the run with some of its super-categories and their networks only.

        Args:
            kept: Their indexes, ascending.
        """
        if len(kept) == len(self.super_categories):
            return self
        numbers = self.kept or range(len(self.super_categories))
        return replace(
            self,
            super_categories=tuple(self.super_categories[idx] for idx in kept),
            kept=tuple(numbers[idx] for idx in kept),
        )

    def idx_of(self, super_category: str) -> int:
        """Return the number of a super-category's network.

        Raises:
            CheckpointError: The run has none.
        """
        names = [category.name for category in self.super_categories]
        if super_category not in names:
            raise CheckpointError(
                f"The run {self.name} has no network for {super_category!r}.",
                hint=f"It has: {', '.join(names)}.",
            )
        return names.index(super_category)

    @property
    def manipulation_path(self) -> Path:
        """The manipulation of its queries."""
        return self.path / "manipulation.npz"

    @property
    def released_path(self) -> Path:
        """The files that released weights came from."""
        return self.path / "released.json"

    def log(self, facts: dict[str, Any]) -> None:
        """Add a line to the log, with the time."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **facts})
        with self.log_path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")

    def weights_path(self, idx: int | None = None) -> Path:
        """Return the path of the best weights of a super-category, or of a comparison system."""
        return self._path(idx, "safetensors")

    def resume_path(self, idx: int | None = None) -> Path:
        """Return the path of the state while it is unfinished."""
        return self._path(idx, "resume.pt")

    def result_path(self, idx: int | None = None) -> Path:
        """Return the path of the result; absent until it is finished."""
        return self._path(idx, "json")

    def _path(self, idx: int | None, suffix: str) -> Path:
        if idx is None:
            return self.path / f"system.{suffix}"
        plain = plain_name(self.super_categories[idx].name)
        number = 1 + (idx if self.kept is None else self.kept[idx])
        return self.path / f"{f'{number}-{plain}' if plain else number}.{suffix}"

    def load_network(self, idx: int) -> "DAtRNet":
        """Return the trained network of a super-category, in evaluation mode.

        Raises:
            CheckpointError: The weights are absent, damaged, or of another architecture.
        """
        from datrnet.core.models.datrnet import DAtRNet

        network = DAtRNet(self.config.model)
        load_weights(network, self.weights_path(idx))
        return network.eval()


def save_weights(network: "nn.Module", path: Path) -> None:
    """Write a network's weights in one step, so that a reader never sees half a file."""
    from safetensors.torch import save

    state = network.state_dict().items()
    write_atomically(path, save({name: tensor.contiguous().cpu() for name, tensor in state}))


def load_weights(network: "nn.Module", path: Path) -> None:
    """Load a safetensors file into a network; half precision is widened.

    Raises:
        CheckpointError: The file is absent, damaged, or of another architecture.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"The weights {path} are missing.", hint="Finish the run with `datrnet train --resume`."
        ) from error
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"The weights {path} are damaged: {error}.", hint="Train again with `datrnet train`."
        ) from error
    try:
        network.load_state_dict(tensors)  # copies half precision into float32
    except RuntimeError as error:
        raise CheckpointError(
            f"The weights {path} do not fit the architecture in the run's config.",
            hint="Train again with `datrnet train`.",
        ) from error


def plain_name(name: str) -> str:
    """Return a name for file names: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def is_being_trained(path: Path) -> bool:
    """Tell whether a process holds the lock of a run's folder."""
    return is_held(path / LOCK_FILE)


def is_held(lock: Path) -> bool:
    """Tell whether a process holds a lock."""
    from filelock import FileLock, Timeout  # a search needs none

    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # of a workspace that may only be read, nobody can train
        return False


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file under another name and rename it, so that a reader never sees half of it."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content.encode() if isinstance(content, str) else content)
    partial.replace(path)
