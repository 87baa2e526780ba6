"""The answer of a search: substitutes with their distances, as a sequence, rows, JSON or cards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from datrnet.core.api.frames import MOST_CARDS, PictureCard, Tabular, cards_html
from datrnet.core.api.items import Item
from datrnet.core.api.json_facts import SearchFacts
from datrnet.core.api.json_text import json_text
from datrnet.core.api.sentences import understood_facts
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.catalog.pictures import Picture, PictureSource
from datrnet.core.catalog.text_query import TextQuery
from datrnet.core.catalog.thumbnails import ThumbnailStore
from datrnet.core.catalog.workspace import Workspace
from datrnet.core.models.run_folder import write_atomically
from datrnet.core.retrieval.index_lag import IndexLag
from datrnet.core.retrieval.prototypes import Prediction
from datrnet.core.retrieval.request import Query, Ranking, Substitute
from datrnet.core.retrieval.search import Searcher, SearchPlan
from datrnet.core.sessions.saved_search import save_search, search_facts

SIGNS = {True: " ✓", False: " ✗", None: ""}
"""Whether a value is a wanted one, in a notebook."""

IN_REPR = 3
"""Substitutes that a repr names."""


class FoundItem(Item):
    """A substitute: an item of the catalog with its place in an answer."""

    def __init__(self, workspace: Workspace, catalog: Catalog, found: Substitute) -> None:
        super().__init__(workspace, catalog, found.row)
        self.rank = found.rank
        """Place in the answer, from 1."""
        self.distance = found.distance
        """Weighted L2 distance to the changed query; 0 is the same."""
        self.parts = dict(found.parts)
        """Each super-category's part of the squared distance; they add up to it. Of a system with a
        single block, one part named ``all``."""
        self.score = found.score
        """Match score, if that orders the answer; 0 is certainly all that is wanted."""
        self.matches = dict(found.matches)
        """Probability that its value is the wanted one, by super-category, if that orders the
        answer."""
        self.agreement = dict(found.agreement)
        """Whether its value is a wanted one, by super-category; None if either is unknown."""

    def __repr__(self) -> str:
        """Return its rank, id, distance and title."""
        return f"<{self.rank}. {self.id}, distance {self.distance:.3f}: {self.title}>"

    @property
    def _heading(self) -> str:
        return f"{self.rank}. {self.id} · {self.distance:.3f}"

    def _lines(self) -> Iterator[str]:
        for name, text in self._catalog.label_texts(self._row).items():
            yield f"{name}: {text or '–'}{SIGNS[self.agreement.get(name)]}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Answer(Tabular, Sequence[FoundItem]):
    """The substitutes of a query, best first: a sequence of ``FoundItem``.

    Its rows have the columns rank, id, distance, title and picture; for each super-category its
    label, whether it agrees with the request, its part of the squared distance, and the probability
    of a match if that orders the answer; and the facts.
    """

    workspace: Workspace
    searcher: Searcher
    query: Query
    picture: PictureSource
    """The picture of the query, unread."""
    plan: SearchPlan
    substitutes: tuple[Substitute, ...]
    since: str | None = None
    """When a saved search was saved or last run, UTC."""
    new: tuple[str, ...] = ()
    """Ids that a saved search had not found until then."""
    understood: TextQuery | None = None
    """What was understood of a sentence such as "like D00001 but black"."""
    left_out: tuple[str, ...] = ()
    """Ids that a saved search likes or dislikes, but that are gone or not in the index."""

    def save(self, name: str) -> None:
        """Save the search by a name, with what it found; see ``Shop.search_saved``.

        Raises:
            ConfigError: A session of that name is no saved search, or a picture has no file.
        """
        catalog, request = self.searcher.catalog, self.plan.request
        path = self.picture.path if isinstance(self.picture, Picture) else self.picture
        file = path if isinstance(path, Path) else None
        facts = search_facts(catalog, self.query, request, file)
        with self.workspace.open_store() as store:
            save_search(store, name, facts, self.ids)

    def __repr__(self) -> str:
        """Return the request, and the first substitutes."""
        first = ", ".join(f"{it.code} {it.distance:.3f}" for it in self.substitutes[:IN_REPR])
        more = ", …" if len(self) > IN_REPR else ""
        return f"<{len(self)} substitutes for {self._asked}: {first or 'none'}{more}>"

    def _repr_html_(self) -> str:
        values = (f"{name}: {value or '–'}" for name, value in self.query.labels.items())
        query = PictureCard(
            picture=self.picture, heading=f"Query {self._asked}", lines=list(values)
        )
        cards = [query, *(found.card() for found in self[:MOST_CARDS])]
        return cards_html(cards, total=1 + len(self))

    def __len__(self) -> int:
        return len(self.substitutes)

    @overload
    def __getitem__(self, place: int) -> FoundItem: ...
    @overload
    def __getitem__(self, place: slice) -> list[FoundItem]: ...
    def __getitem__(self, place: int | slice) -> FoundItem | list[FoundItem]:
        """Return a substitute by its place, from 0."""
        found = self.substitutes[place]
        return list(map(self._found, found)) if isinstance(found, tuple) else self._found(found)

    def _found(self, found: Substitute) -> FoundItem:
        return FoundItem(self.workspace, self.searcher.catalog, found)

    @property
    def notes(self) -> list[str]:
        """What is missing for this answer, and what to do: items that the index does not have."""
        searcher = self.searcher
        seen = [*self.query.rows, *(found.row for found in self.substitutes)]
        lag = IndexLag.of(self.workspace, searcher.catalog, searcher.generation, seen)
        gone = ", ".join(self.left_out)
        notes = searcher.generation.engine_problem, *lag.notes(searcher.catalog)
        marks = f"Liked or disliked, but no longer available: {gone}" if gone else ""
        return [note for note in (*notes, marks) if note]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the substitutes, closest first."""
        return tuple(found.code for found in self.substitutes)

    @property
    def query_id(self) -> str | None:
        """The id of the query; None for a picture that is no item."""
        return None if self.query.row is None else self.searcher.catalog.codes[self.query.row]

    @property
    def query_ids(self) -> tuple[str, ...]:
        """The ids of all items of the query."""
        return tuple(self.searcher.catalog.codes[row] for row in self.query.rows)

    @property
    def weights(self) -> dict[str, float]:
        """The weights in force, by super-category: chosen at indexing times requested."""
        plan = self.plan
        weights = plan.weights if plan.match is None else plan.match.weights
        return dict(zip(self.searcher.block_names, weights.tolist(), strict=True))

    @property
    def ranking(self) -> Ranking:
        """What orders the substitutes: ``distance`` or ``match``."""
        return "distance" if self.plan.match is None else "match"

    @cached_property
    def predictions(self) -> Mapping[str, Prediction]:
        """Predicted values of the query, by super-category."""
        return self.searcher.predict(self.query)

    @cached_property
    def taken(self) -> dict[str, str]:
        """Id or file that a super-category is taken from, by super-category."""
        return {name: self._name_of(other) for name, other in self.plan.taken.items()}

    @cached_property
    def unlike(self) -> dict[str, list[str]]:
        """Ids or files that substitutes are to be unlike, by super-category."""
        return {
            name: list(map(self._name_of, others))
            for name, others in self.plan.request.unlike.items()
        }

    def _name_of(self, query: Query) -> str:
        return query.title if query.row is None else self.searcher.catalog.codes[query.row]

    @cached_property
    def asked(self) -> frozenset[str]:
        """Super-categories that are changed."""
        return frozenset({*self.plan.changes, *self.plan.taken, *self.plan.any_of})

    @property
    def _asked(self) -> str:
        """The request in words: "D00001 with color black"."""
        wanted = {name: " or ".join(values) for name, values in self.plan.any_of.items()}
        wanted |= {name: f"of {other}" for name, other in self.taken.items()} | self.plan.changes
        wanted |= {name: f"unlike {' or '.join(others)}" for name, others in self.unlike.items()}
        words = ", ".join(f"{name} {value}" for name, value in wanted.items())
        subject = ", ".join(self.query_ids) or self.query.title
        return f"{subject}{words and f' with {words}'}"

    @cached_property
    def thumbnails(self) -> ThumbnailStore:
        """The thumbnails of the workspace."""
        return ThumbnailStore(self.workspace.thumbnails)

    def picture_of(self, row: int | None) -> PictureSource:
        """Return the picture of an item of the catalog, unread; None is the query."""
        if row is None:
            return self.picture
        return self.workspace.picture(self.searcher.catalog.picture_paths[row])

    def table(self) -> tuple[list[str], list[list[Any]]]:
        """Return a row per substitute.

        If super-categories share an entangled block, its part is the column ``all distance²``.
        """
        names, blocks = self.searcher.names, self.searcher.block_names
        columns = self.searcher.catalog.facts.columns
        header, rows = ["rank", "id", "distance", "title", "picture"], []
        for found in self.substitutes:
            picture = str(self.picture_of(found.row))
            rows.append([found.rank, found.code, found.distance, found.title, picture])
        for name in dict.fromkeys((*names, *blocks)):
            if name in names:
                header += [name, f"{name} agrees"]
                for row, found in zip(rows, self.substitutes, strict=True):
                    row += [found.label_texts[name], found.agreement[name]]
            if name in blocks:
                header.append(f"{name} distance²")
                for row, found in zip(rows, self.substitutes, strict=True):
                    row.append(found.parts[name])
            if self.plan.match is not None:
                header.append(f"{name} match")
                for row, found in zip(rows, self.substitutes, strict=True):
                    row.append(found.matches[name])
        header += [column.name for column in columns]
        for row, found in zip(rows, self.substitutes, strict=True):
            words = self.searcher.catalog.facts.words(found.row)
            row += [words.get(column.name) for column in columns]
        return header, rows

    def to_json(self, file: str | Path | None = None) -> str:
        """Return what ``datrnet search --json`` prints, and write it to a file if asked.

        Args:
            file: Where to write it.
        """
        text = json_text(self.to_facts())
        if file is not None:
            write_atomically(Path(file), text)
        return text

    def to_facts(self) -> SearchFacts:
        """Return the answer as plain values, for JSON."""
        request, catalog, plan = self.plan.request, self.searcher.catalog, self.plan
        is_file = isinstance(self.picture, Path | Picture)
        return {
            "query": {
                "id": self.query_id,
                "ids": self.query_ids,
                "title": self.query.title,
                "picture": str(self.picture) if is_file else None,
                "labels": dict(self.query.labels),
                "values": {name: self.query.values_of(name) for name in self.query.labels},
                "nearest": {name: asdict(p) for name, p in self.predictions.items()},  # type: ignore[misc]
            },
            "understood": None if self.understood is None else understood_facts(self.understood),
            "changes": plan.changes,
            "taken": self.taken,
            "unlike": self.unlike,
            "liked": [catalog.codes[row] for row in request.liked],
            "disliked": [catalog.codes[row] for row in request.disliked],
            "within": request.within,
            "prototypes": {
                name: {"among": p.among, "items": p.num_items, "note": p.note}
                for name, p in plan.prototypes.items()
            },
            "where": request.where,
            "where_others": [str(condition) for condition in request.others],
            "any_of": request.any_of,
            "match": request.match,
            "requested_weights": request.weights,
            "weights": self.weights,
            "agreement": plan.agreement,
            "feedback": plan.feedback,
            "max_distance": request.max_distance,
            "ranking": self.ranking,
            "offset": request.offset,
            "since": self.since,
            "new": self.new,
            "split": request.split,
            "index": self.searcher.generation.manifest.name,
            "substitutes": [
                {
                    "rank": found.rank,
                    "id": found.code,
                    "title": found.title,
                    "picture": str(self.picture_of(found.row)),
                    "distance": found.distance,
                    "distance_squared_by_super_category": found.parts,
                    "share_by_super_category": {
                        name: part / (sum(found.parts.values()) or 1.0)
                        for name, part in found.parts.items()
                    },
                    "score": found.score,
                    "match_by_super_category": found.matches,
                    "labels": found.labels,
                    "values": found.values,
                    "agreement": found.agreement,
                    "facts": catalog.facts.of(found.row),
                    "variants": [
                        {"id": variant.code, "facts": variant.facts}
                        for variant in catalog.facts.variants(found.row)
                    ],
                }
                for found in self.substitutes
            ],
        }
