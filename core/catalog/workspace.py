"""The workspace: the folder that holds a catalog, its models and its indexes."""

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_dir

from datrnet.core.catalog.pictures import Picture
from datrnet.core.errors import DatabaseError, DataError, SettingError
from datrnet.core.preferences import WORKSPACE_VARIABLE, Preferences
from datrnet.core.preferences_file import read_preferences
from datrnet.db.store import Store

DEMO_FOLDER = "demo-workspace"
"""The demo's own workspace inside the default one, so that it never mixes with a user's items."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """The places inside a workspace folder."""

    root: Path

    @classmethod
    def locate(cls, given: Path | None = None, settings: Preferences | None = None) -> "Workspace":
        """Return the workspace given, else the environment's, the settings', or the user's own.

        Args:
            given: A folder.
            settings: Without them, the configuration file is read if there is need.

        Raises:
            ConfigError: The configuration file does not say it rightly, or cannot be read.
        """
        named = os.environ.get(WORKSPACE_VARIABLE, "").strip()
        if given is None and not named:
            named = (settings or _settings()).workspace
        folder = given or Path(named or user_data_dir("datrnet", appauthor=False))
        return cls(folder.expanduser().absolute())

    @property
    def catalog_path(self) -> Path:
        """The database."""
        return self.root / "catalog.db"

    @property
    def models(self) -> Path:
        """One folder per training run."""
        return self.root / "models"

    @property
    def indexes(self) -> Path:
        """One folder per index generation."""
        return self.root / "indexes"

    @property
    def shards(self) -> Path:
        """Embeddings that are not in an index yet, one folder per run."""
        return self.root / "shards"

    @property
    def thumbnails(self) -> Path:
        """The folder of the thumbnails' file."""
        return self.root / "thumbnails"

    @property
    def experiments(self) -> Path:
        """One folder per experiment."""
        return self.root / "experiments"

    @property
    def features(self) -> Path:
        """Features from frozen backbones; safe to delete, they are computed again."""
        return self.root / "features"

    @property
    def demo(self) -> Path:
        """The pictures of the demo catalog."""
        return self.root / "demo"

    @property
    def parts(self) -> tuple[Path, ...]:
        """What a workspace consists of, without what is computed again when it is deleted."""
        folders = (self.models, self.indexes, self.thumbnails, self.experiments, self.demo)
        return (self.catalog_path, *folders)

    def create_store(self) -> Store:
        """Open the database; create it and the folder if they do not exist.

        Raises:
            DatabaseError: The database cannot be created or read.
        """
        return Store.create(self.catalog_path)

    def open_store(self, *, to_write: bool = False) -> Store:
        """Open the database of an existing workspace.

        Args:
            to_write: Refuse a workspace that is read-only, before there is work for it.

        Raises:
            DatabaseError: There is none, or it cannot be read or written.
        """
        if not self.catalog_path.is_file():
            hint = "Run `datrnet import CATALOG` or `datrnet demo` first."
            demo = Workspace(self.root / DEMO_FOLDER)
            if demo.catalog_path.is_file():
                hint = f"For the demo, add `--workspace {demo.root}` or run `datrnet demo`."
            raise DatabaseError(f"There is no catalog in {self.root}.", hint=hint)
        if to_write:
            Store.ensure_writable(self.catalog_path)
        return Store.open(self.catalog_path)

    def picture(self, stored: str) -> Picture:
        """Return an item's picture; a relative path starts at the workspace.

        Raises:
            DataError: The path has a malformed box.
        """
        return Picture.parse(stored, self.root)

    def has_picture(self, stored: str) -> bool:
        """Tell whether the file of an item's picture is there."""
        try:
            return self.picture(stored).path.is_file()
        except (DataError, ValueError):
            return False


def num_bytes_of(path: Path, *, is_shared: bool = True) -> int:
    """Return the disk space that a file or folder uses; sparse files use less than their length.

    Args:
        path: The file or folder.
        is_shared: Whether to count files that other folders have too, such as another generation of
            the index; each counts once.
    """
    files = [path] if path.is_file() else filter(Path.is_file, path.rglob("*"))
    statuses = {(file.st_dev, file.st_ino): file for file in map(Path.stat, files)}.values()
    counted = [status for status in statuses if is_shared or status.st_nlink == 1]
    if hasattr(os.stat_result, "st_blocks"):  # not on Windows
        return sum(512 * status.st_blocks for status in counted)
    return sum(status.st_size for status in counted)


def _settings() -> Preferences:
    """Return the user's settings, for the place of the workspace.

    Raises:
        ConfigError: The file does not say the place rightly, or cannot be read at all. What else is
            wrong in it keeps no command from its work.
    """
    settings, troubles = read_preferences()
    for trouble in troubles:
        if not isinstance(trouble, SettingError) or trouble.path == ("workspace",):
            raise trouble
    return settings
