"""Collections on a Milvus server, or in a file: where they are, and what is asked of them.

Collections have unique names, so workspaces can share a server. A generation's folder notes its
collection before the collection is made, so that whatever deletes the folder, even the folder of a
killed command, deletes the collection too.
"""

import json
import logging
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from datrnet.core.errors import ConfigError, DatrnetError, IndexStaleError, requirement
from datrnet.core.retrieval.engines.engine import Places
from datrnet.core.retrieval.manipulation import Floats

ADDRESS = "milvus.json"
"""File of a generation's folder."""

TOKEN_VARIABLE = "DATRNET_MILVUS_TOKEN"
"""Environment variable with the server's token, or user:password."""

CONNECT_SECONDS, ANSWER_SECONDS, WRITE_SECONDS = 5.0, 30.0, 600.0
"""How long a server has to answer."""

DELETED_AT_ONCE = 100_000
"""Items deleted in one message."""

GRAPH = {"M": 16, "efConstruction": 200}
"""Of the HNSW graph: neighbors of an item, and candidates when it is added."""

GIVE_ADDRESS = "Give a server, as in --uri http://localhost:19530, or a file: --uri FILE.db."
INSTEAD = "or run `datrnet index --engine blocks`"

Scalars = NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Where the vectors of an index are."""

    uri: str
    """Of a server; or the path of a file, which starts at the workspace if it is in there."""
    name: str
    """Unique. It tells which workspace made the collection, so that a copy does not delete it."""

    @classmethod
    def new(cls, uri: str, indexes: Path) -> Self:
        """Return a collection that is not made yet.

        Args:
            uri: As ``checked_uri`` returns it.
            indexes: The workspace's folder of indexes.
        """
        return cls(uri=uri, name=f"datrnet_{_owner(indexes)}_{secrets.token_hex(6)}")

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read the collection of a generation's folder.

        Raises:
            OSError, ValueError, TypeError: The file is missing or damaged.
        """
        return cls(**json.loads((folder / ADDRESS).read_text("utf-8")))

    def note(self, folder: Path) -> None:
        """Write into a folder where the collection is, before it is made."""
        (folder / ADDRESS).write_text(json.dumps(asdict(self)), "utf-8")

    def is_owned_by(self, indexes: Path) -> bool:
        """Tell whether a workspace made it, and not one that this is a copy of."""
        return self.name.startswith(f"datrnet_{_owner(indexes)}_")


def _is_file(uri: str) -> bool:
    return uri.endswith(".db") and "://" not in uri


def _owner(indexes: Path) -> str:
    """Return the number of a folder, which a move keeps and a copy does not."""
    return f"{indexes.stat().st_ino:x}"


def checked_uri(uri: str | None, before: Path | None, indexes: Path) -> str:
    """Return the address for a new generation, after the server there has answered.

    Args:
        uri: Of a server or file, as given.
        before: The folder of the current generation, whose address is the default.
        indexes: The workspace's folder of indexes.

    Raises:
        ConfigError: The address is missing or malformed, or contains a password.
        IndexStaleError: The server does not answer.
        MissingPackageError: The extra ``scale`` is not installed.
    """
    found = None if uri is None else _stored_uri(uri, indexes)
    if found is None and before is not None:
        with suppress(OSError, ValueError, TypeError):
            found = Collection.of(before).uri
    if found is None:
        raise ConfigError("The engine milvus needs an address.", hint=GIVE_ADDRESS)
    Server.at(Collection(uri=found, name=""), indexes)
    return found


def _stored_uri(uri: str, indexes: Path) -> str:
    """Return an address as an index stores it; see ``checked_uri`` for the errors."""
    if _is_file(uri):
        path, root = Path(uri).expanduser().absolute(), indexes.parent.absolute()
        if not path.parent.is_dir():
            raise ConfigError(
                f"There is no folder {path.parent}.", hint="Make it, or give another file to --uri."
            )
        return str(path.relative_to(root) if path.is_relative_to(root) else path)
    if not uri.startswith(("http://", "https://", "tcp://", "unix:")):
        raise ConfigError(f"{uri!r} is not an address of Milvus.", hint=GIVE_ADDRESS)
    if "@" in uri:
        raise ConfigError(
            "The address contains a password, which the index would store.",
            hint=f"Leave it out, and set {TOKEN_VARIABLE}=USER:PASSWORD.",
        )
    return uri


def drop_collection(folder: Path) -> None:
    """Delete the collection of a generation that is about to be deleted.

    A collection stays if another generation has it too, if another workspace made it, or if its
    server does not answer.
    """
    if not (folder / ADDRESS).is_file():
        return
    with suppress(OSError, ValueError, TypeError, DatrnetError):
        collection = Collection.of(folder)
        others = [path.parent for path in folder.parent.glob(f"*/{ADDRESS}")]
        is_shared = any(Collection.of(other) == collection for other in others if other != folder)
        if not is_shared and collection.is_owned_by(folder.parent):
            Server.at(collection, folder.parent).drop()


def delete_items(folder: Path, ids: Places) -> None:
    """Delete items that the current generation lacks, unless the server does not answer.

    Items left there do no harm: an index ignores those that it lacks.
    """
    with suppress(OSError, ValueError, TypeError, DatrnetError):
        Server.at(Collection.of(folder), folder.parent).delete(ids)


@cache
def _client(uri: str, token: str) -> Any:
    """Return the client of a server, one for each."""
    with requirement("The engine milvus needs", INSTEAD):
        from pymilvus import MilvusClient

        if _is_file(uri):
            import milvus_lite  # noqa: F401
    for name in ("pymilvus", "milvus_lite", "grpc"):  # which print every error with its traceback
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return MilvusClient(uri, token=token, timeout=CONNECT_SECONDS)


class Server:
    """A collection on its server; its failures become errors with a hint."""

    def __init__(self, uri: str, name: str) -> None:
        self.uri, self.name = uri, name
        self._is_file = _is_file(uri)
        with self._asked("Milvus does not answer at"):
            self._client = _client(uri, os.environ.get(TOKEN_VARIABLE, ""))

    @classmethod
    def at(cls, collection: Collection, indexes: Path) -> Self:
        """Connect to the server of a collection."""
        uri = collection.uri
        if _is_file(uri):
            uri = str(indexes.parent.absolute() / uri)
        return cls(uri, collection.name)

    @contextmanager
    def _asked(self, failure: str = "Milvus failed at") -> Iterator[None]:
        """Turn the client's errors into one that tells what to do."""
        try:
            yield
        except DatrnetError:
            raise
        except Exception as error:
            if not type(error).__module__.startswith(("pymilvus", "grpc")):
                raise
            told = getattr(error, "message", error)
            if hasattr(error, "details"):  # of grpc, which pymilvus lets through
                told = error.details()
            reason = str(told).strip().partition("\n")[0]
            start = "Start it, give another address with --uri"
            if self._is_file:
                start = "Close the program that has the file open, since only one can"
            raise IndexStaleError(
                f"{failure} {self.uri}: {reason.rstrip('.')}.", hint=f"{start}, {INSTEAD}."
            ) from error

    def dimension(self) -> int | None:
        """Return the size of the vectors; None if there is no such collection."""
        with self._asked():
            if not self._client.has_collection(self.name, timeout=CONNECT_SECONDS):
                return None
            found = self._client.describe_collection(self.name, timeout=CONNECT_SECONDS)
        fields = {field["name"]: field for field in found["fields"]}
        return int(fields.get("vector", {}).get("params", {}).get("dim", 0))

    def create(self, dimension: int, num_scalars: int) -> None:
        """Make the collection."""
        with self._asked():
            from pymilvus import DataType

            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", DataType.INT64, is_primary=True)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
            for column in range(num_scalars):
                schema.add_field(scalar_field(column), DataType.INT16)
            index = self._client.prepare_index_params()
            index.add_index("vector", index_type="HNSW", metric_type="IP", params=GRAPH)
            self._client.create_collection(
                self.name,
                schema=schema,
                index_params=index,
                consistency_level="Strong",
                timeout=WRITE_SECONDS,
            )

    def write(self, ids: Places, vectors: Floats, scalars: Scalars) -> None:
        """Add items, or replace those with the same ids."""
        rows = [
            {"id": id_, "vector": vector, **{scalar_field(c): v for c, v in enumerate(values)}}
            for id_, vector, values in zip(ids.tolist(), vectors, scalars.tolist(), strict=True)
        ]
        with self._asked():
            self._client.upsert(self.name, rows, timeout=WRITE_SECONDS)

    def flush(self) -> None:
        """Have what was written indexed."""
        with self._asked():
            self._client.flush(self.name, timeout=WRITE_SECONDS)

    def delete(self, ids: Places) -> None:
        """Delete items."""
        with self._asked():
            for start in range(0, len(ids), DELETED_AT_ONCE):
                some = ids[start : start + DELETED_AT_ONCE].tolist()
                self._client.delete(self.name, ids=some, timeout=WRITE_SECONDS)

    def drop(self) -> None:
        """Delete the collection, if there is one."""
        with self._asked():
            self._client.drop_collection(self.name, timeout=WRITE_SECONDS)

    def search(
        self, vectors: Sequence[Floats], limit: int, effort: int, condition: str
    ) -> list[Places]:
        """Return the ids near each of some vectors."""
        with self._asked():
            found = self._client.search(
                self.name,
                data=list(vectors),
                anns_field="vector",
                filter=condition,
                limit=limit,
                output_fields=["id"],  # Milvus Lite returns all fields by default
                search_params={"metric_type": "IP", "params": {"ef": max(effort, limit)}},
                timeout=ANSWER_SECONDS,
            )
        return [np.array([hit["id"] for hit in hits], dtype=np.int64) for hits in found]


def scalar_field(column: int) -> str:
    """Return the name of a scalar field; the split is first."""
    return f"value_of_{column}" if column else "split"
