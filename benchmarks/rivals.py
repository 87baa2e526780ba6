"""Other libraries beside the search engines: how each is built, kept in a file, opened and asked.

    pip install hnswlib faiss-cpu usearch

datrnet needs none of them. Every index holds unit blocks and compares them by inner product, so one
index serves all weights. usearch builds its graph with its defaults, hnswlib with the parameters
below.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from drawn_catalog import BuiltTimes, Floats
from numpy.typing import NDArray
from typing_extensions import override

Mask = NDArray[np.bool_] | None
Answer = Callable[[Floats, Floats, Mask], NDArray[np.int64]]
"""From blocks (A, E), weights (A,) and a mask to the places of the k nearest."""

PROBES = (8, 16, 32, 64, 128, 256, 512)
EFFORTS = (50, 100, 200, 400, 800, 1600, 3000)


def weighted(blocks: Floats, live: Floats) -> Floats:
    """Return the vector (1, D) whose inner products rank as weighted distances of unit blocks."""
    return (live[:, None] * blocks).reshape(1, -1).astype(np.float32)


class Rival(ABC):
    """An index of another library."""

    name: ClassVar[str]
    file: ClassVar[str]
    most_items: ClassVar[int] = 10**9
    filters: ClassVar[bool] = True
    """Whether its Python client takes a filter."""
    efforts: ClassVar[tuple[int, ...]] = EFFORTS
    """From the least to the most."""

    def __init__(self, vectors: Floats, k: int) -> None:
        """Prepare to build or open an index of vectors (N, D) that answers with k of them."""
        self.vectors, self.k = vectors, k
        self.index: Any = None

    @abstractmethod
    def build(self, path: Path) -> None:
        """Build it and write it."""

    @abstractmethod
    def open(self, path: Path) -> None:
        """Read it."""

    @abstractmethod
    def ask(self, query: Floats, mask: Mask, effort: int) -> Any:
        """Return the places of the nearest to a vector (1, D)."""

    def kept(self, folder: Path) -> Path:
        """Return its file, which is built unless it is there.

        Raises:
            ImportError: The library is not installed.
        """
        path = folder / self.file
        if not path.exists():
            partial = path.with_name(path.name + ".partial")
            started = time.perf_counter()
            self.build(partial)
            BuiltTimes(folder).add(self.name, started)
            partial.rename(path)
            self.index = None
        return path

    def with_effort(self, effort: int) -> Answer:
        """Return how it answers with an effort."""

        def answer(blocks: Floats, live: Floats, mask: Mask) -> NDArray[np.int64]:
            return np.asarray(self.ask(weighted(blocks, live), mask, effort)).astype(np.int64)

        return answer


class Hnswlib(Rival):
    """A graph; a filter is a call for each item that it meets."""

    name, file = "hnswlib", "hnswlib.bin"

    @override
    def build(self, path: Path) -> None:
        import hnswlib

        graph = hnswlib.Index(space="ip", dim=self.vectors.shape[1])
        graph.init_index(max_elements=len(self.vectors), ef_construction=100, M=16)
        graph.add_items(self.vectors, num_threads=1)
        graph.save_index(str(path))

    @override
    def open(self, path: Path) -> None:
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=self.vectors.shape[1])
        self.index.load_index(str(path))

    @override
    def ask(self, query: Floats, mask: Mask, effort: int) -> Any:
        self.index.set_ef(effort)
        passes = None if mask is None else mask.__getitem__
        count = self.k if mask is None else min(self.k, int(np.count_nonzero(mask)))
        try:
            return self.index.knn_query(query, count, 1, passes)[0][0]
        except RuntimeError:  # it found fewer than that
            return []


class Usearch(Rival):
    """Another graph."""

    name, file, filters = "usearch", "usearch.index", False

    @override
    def build(self, path: Path) -> None:
        graph = self._empty()
        graph.add(np.arange(len(self.vectors)), np.ascontiguousarray(self.vectors), threads=1)
        graph.save(str(path))

    @override
    def open(self, path: Path) -> None:
        self.index = self._empty()
        self.index.load(str(path))

    def _empty(self) -> Any:
        from usearch.index import Index

        return Index(ndim=self.vectors.shape[1], metric="ip", dtype="f32")

    @override
    def ask(self, query: Floats, mask: Mask, effort: int) -> Any:
        self.index.expansion_search = effort
        return self.index.search(query[0], self.k, threads=1).keys


class Faiss(Rival):
    """An inverted file; a filter is a bitmap."""

    name, file, efforts = "faiss, IVF", "faiss-ivf.index", PROBES

    @override
    def build(self, path: Path) -> None:
        faiss, (size, dim) = _faiss(), self.vectors.shape
        lists = int(2 * np.sqrt(size))
        kind = faiss.METRIC_INNER_PRODUCT
        inverted = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, kind)
        inverted.train(np.ascontiguousarray(self.vectors[:: max(1, size // (40 * lists))]))
        inverted.add(np.ascontiguousarray(self.vectors))
        faiss.write_index(inverted, str(path))

    @override
    def open(self, path: Path) -> None:
        self.index = _faiss().read_index(str(path))

    @override
    def ask(self, query: Floats, mask: Mask, effort: int) -> Any:
        faiss = _faiss()
        chosen = faiss.SearchParametersIVF(nprobe=effort)
        if mask is not None:
            chosen.sel = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        found = self.index.search(query, self.k, params=chosen)[1][0]
        return found[found >= 0]


class FaissCodes(Rival):
    """A 4-bit product quantizer, whose best are ranked exactly here."""

    name, file, filters = "faiss, 4-bit codes", "faiss-pq4.index", False
    efforts = (100, 300, 1000, 3000)

    @override
    def build(self, path: Path) -> None:
        faiss = _faiss()
        kind = faiss.METRIC_INNER_PRODUCT
        codes = faiss.IndexPQFastScan(self.vectors.shape[1], 96, 4, kind)
        codes.train(np.ascontiguousarray(self.vectors[:50_000]))
        codes.add(np.ascontiguousarray(self.vectors))
        faiss.write_index(codes, str(path))

    @override
    def open(self, path: Path) -> None:
        self.index = _faiss().read_index(str(path))

    @override
    def ask(self, query: Floats, mask: Mask, effort: int) -> Any:
        near = self.index.search(query, effort)[1][0]
        scores = self.vectors[near] @ query[0]
        return near[np.argsort(-scores)[: self.k]]


def _faiss() -> Any:
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss


RIVALS: tuple[type[Rival], ...] = (Faiss, FaissCodes, Hnswlib, Usearch)
