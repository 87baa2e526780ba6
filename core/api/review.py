"""The part of a shop that reviews its catalog and the sessions of its users."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from datrnet.core.api.catalog import ShopCatalog
from datrnet.core.api.queries import several
from datrnet.core.catalog.catalog import Catalog
from datrnet.core.errors import ConfigError, DataError, IndexStaleError
from datrnet.core.progress import Progress, no_progress
from datrnet.core.retrieval.generation import Generation
from datrnet.core.retrieval.prototypes import aligned
from datrnet.core.retrieval.search import Searcher
from datrnet.core.sessions.steps import LAST, replay, session_of, steps_of
from datrnet.db.rows import LabelChange, ProposedLabel

if TYPE_CHECKING:  # every command loads this module, and most need none of these
    from PIL import Image

    from datrnet.core.api.findings import Doubts, Suggestion, Suggestions
    from datrnet.core.api.json_facts import (
        DuplicateGroupFacts,
        GapFacts,
        MarkedPairFacts,
        PointFacts,
    )
    from datrnet.core.api.session_facts import SessionFacts
    from datrnet.core.review.catalog_map import CatalogMap
    from datrnet.core.review.duplicates import DuplicateGroup
    from datrnet.core.review.unmet_requests import ClosestMatch, UnmetRequest
    from datrnet.core.sessions.export import SessionSheet


class ShopReview(ShopCatalog):
    """The part of a shop that reviews its catalog and the sessions of its users."""

    def doubts(
        self, super_category: str | Iterable[str] = (), *, unlabeled: bool = False
    ) -> "Doubts":
        """Return the doubtful labels, the surest first.

        Labels set or confirmed by hand are not among them.

        >>> shop.doubts("sleeve")[0]
        <Doubt D00034: sleeve elbow or long, 0.83>

        Args:
            super_category: Only labels of this one, or of these.
            unlabeled: Return suggestions for items without a label instead.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, or it does not cover the super-category.
            ConfigError: The system of the index has one block for all super-categories.
        """
        from datrnet.core.api.findings import Doubts
        from datrnet.core.review.label_issues import label_issues

        names, searcher = list(several(super_category)), self.searcher
        with self.workspace.open_store() as store:
            issues = label_issues(searcher, store.labels_by_person(), names, unlabeled=unlabeled)
            created_at = searcher.generation.manifest.created_at
            num_relabeled = store.num_relabeled_since(created_at)
        return Doubts(self.items, issues, num_relabeled)

    def suggestions(
        self,
        super_category: str | Iterable[str] = (),
        *,
        min_confidence: float = 0.9,
        accepted: bool = False,
    ) -> "Suggestions":
        """Return the values that the model proposes where a label is missing, the surest first.

        >>> shop.suggestions(min_confidence=0.5)[0]
        <Suggestion ...: ..., ...>

        Args:
            super_category: Only labels of this one, or of these.
            min_confidence: Least probability of a proposal, calibrated on the validation items that
                carry a value: it presumes that one of the values applies.
            accepted: Also propose labels of which an earlier proposal was accepted.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, it does not cover the super-category, or it is not
                calibrated.
            ConfigError: The confidence is not a probability, or the system of the index has no
                probabilities.
        """
        from datrnet.core.api.findings import Suggestions
        from datrnet.core.review.label_issues import calibrated_names, label_issues

        if not 0 <= min_confidence <= 1:
            raise ConfigError(
                f"A confidence of {min_confidence:g} is not a probability.",
                hint="Choose a number from 0 to 1, such as 0.9.",
            )
        searcher = self.searcher
        names, uncalibrated = calibrated_names(searcher, list(several(super_category)))
        with self.workspace.open_store() as store:
            settled = store.labels_by_person()
            proposed = store.labels_by("model") if accepted else set()
        found = label_issues(searcher, settled, names, unlabeled=True, proposed=proposed)
        sure = [issue for issue in found if (issue.confidence or 0) >= min_confidence]
        return Suggestions(
            self.items, sure, num_unsure=len(found) - len(sure), uncalibrated=uncalibrated
        )

    def accept(self, suggestions: "Iterable[Suggestion]") -> list[LabelChange]:
        """Accept proposals as one step of the label history, which ``undo_label`` takes back.

        A label that a user or an import set meanwhile stays. The source of an accepted label is
        ``model``: it is searched and shown, but nothing is trained or measured with it until it is
        confirmed (``label``).

        >>> made = shop.accept(shop.suggestions(min_confidence=0.5))
        >>> len(shop.undo_label()) == len(made)
        True

        Args:
            suggestions: What to accept.

        Raises:
            UnknownNameError: There is no such item, super-category or value; nothing is changed.
        """
        item_ids, row_of = self._catalog.item_ids, self._catalog.row_of_code
        proposals = [
            ProposedLabel(
                item_id=int(item_ids[row_of(found.id)]),
                super_category=found.super_category,
                value=found.value,
                confidence=found.confidence,
            )
            for found in suggestions
        ]
        with self.workspace.open_store() as store:
            made = store.accept_labels(proposals, "model")
        self._is_relabeled = True
        return made

    def reliability_chart(self, target: str | Path) -> None:
        """Draw how often values with a confidence are right, before and after calibration.

        The items are those of the validation split, each with a calibration that was chosen
        without the half of them that it belongs to.

        Args:
            target: A PNG file; one that is there is replaced.

        Raises:
            IndexStaleError: There is no index, or no validation item to measure with.
            ConfigError: It is no PNG file, the system of the index has no probabilities, or the
                extra that draws charts is not installed.
            DataError: The file cannot be written.
        """
        from datrnet.core.catalog.export import check_parent
        from datrnet.core.research.experiments.reliability import (
            index_reliability,
            reliability_chart,
        )
        from datrnet.core.review.label_issues import check_probabilities

        path = Path(target)
        if path.suffix.lower() != ".png":
            raise ConfigError(
                f"{path} is not a PNG file.", hint="Name one, such as reliability.png."
            )
        check_parent(path)
        with self.workspace.open_store() as store:
            catalog = Catalog.load(store, with_proposals=False)
            generation = aligned(Generation.current(self.workspace, store), catalog)
        check_probabilities(generation)
        found = index_reliability(catalog, generation)
        if not found:
            raise IndexStaleError(
                "No validation item has a label, so nothing can be measured.",
                hint="Label validation items with at least two values, then run `datrnet index`.",
            )
        try:
            reliability_chart(found).save(path, format="PNG")
        except OSError as error:
            raise DataError(
                f"{path} cannot be written: {error.strerror or error}.",
                hint="Choose another place.",
            ) from error

    def map(
        self, super_category: str | None = None, *, on_progress: Progress = no_progress
    ) -> "CatalogMap":
        """Return the catalog as a map: near items look alike to the model.

        The first map of a super-category takes a moment; its places are kept with the index, and
        most items keep them when the index is updated. ``points`` are within the square from -1
        to 1, and ``rows`` say whose; ``map_facts`` has both, with ids and labels.

        >>> shop.map("sleeve").points.shape
        (200, 2)

        Args:
            super_category: What its items should be compared by; by default the first.
            on_progress: Called while places are computed.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, or it does not cover the super-category.
        """
        from datrnet.core.review.catalog_map import catalog_map

        searcher = self.searcher
        with self.workspace.open_store() as store:
            settled = store.labels_by_person()
        return catalog_map(searcher, super_category or searcher.names[0], settled, on_progress)

    def map_picture(
        self, super_category: str | None = None, *, on_progress: Progress = no_progress
    ) -> "Image.Image":
        """Return the map as a picture: points in the colors of their values, and thumbnails.

        Args:
            super_category: As in ``map``.
            on_progress: Called while places are computed.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, or it does not cover the super-category.
        """
        from datrnet.core.review.map_picture import draw_map

        found = self.map(super_category, on_progress=on_progress)
        return draw_map(found, self.workspace, self.catalog)

    def map_facts(
        self, super_category: str | None = None, *, on_progress: Progress = no_progress
    ) -> "list[PointFacts]":
        """Return the items of the map, each with its place, label and doubt.

        Args:
            super_category: As in ``map``.
            on_progress: Called while places are computed.

        Raises:
            UnknownNameError: There is no such super-category.
            IndexStaleError: There is no index, or it does not cover the super-category.
        """
        found, catalog = self.map(super_category, on_progress=on_progress), self.catalog
        return [
            {
                "id": catalog.codes[row],
                "title": catalog.titles[row],
                "x": round(x, 4),
                "y": round(y, 4),
                "label": found.value_at(place),
                "guess": found.doubts.get(row),
            }
            for place, (row, (x, y)) in enumerate(
                zip(found.rows.tolist(), found.points.tolist(), strict=True)
            )
        ]

    def duplicates(self, *, on_progress: Progress = no_progress) -> "list[DuplicateGroupFacts]":
        """Return the groups of items that seem to be in the catalog twice, the surest first.

        They use the same picture file, have the same pixels, or are near in every block of the
        index, if there is one, and look alike. Pairs that were judged are left out.

        >>> for group in shop.duplicates():
        ...     print(group["keep"], *(other["id"] for other in group["duplicates"]))
        D00011 D00080

        Args:
            on_progress: Called while pictures are compared.

        Raises:
            DatabaseError: The catalog cannot be read.
        """
        from datrnet.core.review.duplicates import duplicates_of

        with self.workspace.open_store() as store:
            verdicts = store.pair_verdicts()
        comparing = partial(on_progress, "Comparing")
        found = duplicates_of(
            self.workspace, self.catalog, self._searcher_if_any, verdicts, comparing
        )
        return [_group_facts(self.catalog, group) for group in found]

    def marked_duplicates(self) -> "list[MarkedPairFacts]":
        """Return the pairs that were judged to be duplicates."""
        codes = dict(zip(self.catalog.item_ids.tolist(), self.catalog.codes, strict=True))
        with self.workspace.open_store() as store:
            return [
                {
                    "keep": codes[pair.kept_id],
                    "duplicate": codes[pair.other_id],
                    "marked": pair.judged_at,
                }
                for pair in store.pair_verdicts()
                if pair.verdict == "duplicate"
            ]

    def judge(
        self, item: str, other: str, verdict: Literal["duplicate", "distinct", "open"]
    ) -> None:
        """Mark two items as duplicates or as distinct, so that they are not listed again.

        Args:
            item: Id of the item to keep.
            other: Id of the other one.
            verdict: ``open`` withdraws an earlier verdict.

        Raises:
            UnknownNameError: There is no such item.
        """
        rows = [self.catalog.row_of_code(code) for code in (item, other)]
        kept_id, other_id = (int(self.catalog.item_ids[row]) for row in rows)
        with self.workspace.open_store() as store:
            store.judge_pair(kept_id, other_id, None if verdict == "open" else verdict)

    def gaps(self, super_category: str | None = None, *, k: int = 30) -> "list[GapFacts]":
        """Return the combinations of values that no item has, although popular or requested.

        Those requested in sessions come first, then those with the most items expected.

        >>> [gap["wanted"] for gap in shop.gaps("sleeve")]
        []

        Args:
            super_category: Only combinations with a value of this one.
            k: Number of combinations, from the first, that come with their closest search.

        Raises:
            UnknownNameError: There is no such super-category.
        """
        from datrnet.core.review.unmet_requests import (
            closest_match,
            session_requests,
            unmet_requests,
        )

        with self.workspace.open_store() as store:
            asked = session_requests(store)
        found, searcher = unmet_requests(self.catalog, asked, super_category), self._searcher_if_any
        matches = [closest_match(searcher, gap) if searcher else None for gap in found[:k]]
        matches += [None] * (len(found) - len(matches))
        return [_gap_facts(self.catalog, *both) for both in zip(found, matches, strict=True)]

    @property
    def _searcher_if_any(self) -> Searcher | None:
        try:
            return self.searcher
        except IndexStaleError:
            return None

    # ── sessions ─────────────────────────────────────────────────────────────

    def sessions(self, *, deleted: bool = False) -> "list[SessionFacts]":
        """Return the sessions of the explorer and the saved searches, latest first.

        Args:
            deleted: Return those that were deleted and can be restored.
        """
        with self.workspace.open_store() as store:
            rows = store.deleted_sessions() if deleted else store.sessions()
            return [
                {
                    "id": row.id,
                    "name": row.name,
                    "started_at": row.started_at,
                    "updated_at": row.updated_at,
                    "steps": len(store.steps(row.id)),
                }
                for row in rows
            ]

    def replay(
        self, session: str = LAST, *, k: int = 5, on_progress: Progress = no_progress
    ) -> "SessionSheet":
        """Repeat the searches of a session on the current index.

        Args:
            session: Its number or name; by default the last one.
            k: Number of substitutes of each step.
            on_progress: Called after each step.

        Returns:
            A sheet, whose ``steps`` have the substitutes, or the problem of a step.

        Raises:
            UnknownNameError: There is no such session.
            ConfigError: There is none at all, or several have that name.
            IndexStaleError: There is no index, or it is damaged.
        """
        from datrnet.core.sessions.export import SessionSheet

        with self.workspace.open_store() as store:
            row = session_of(store, session)
            steps = steps_of(store, row)
        searching = partial(on_progress, "Searching")
        answers = replay(self.workspace, self.searcher, steps, k, searching)
        return SessionSheet(
            workspace=self.workspace, catalog=self.catalog, session=row, steps=answers
        )


def _group_facts(catalog: Catalog, group: "DuplicateGroup") -> "DuplicateGroupFacts":
    return {
        "keep": catalog.codes[group.keep],
        "title": catalog.titles[group.keep],
        "duplicates": [
            {
                "id": catalog.codes[other.row],
                "title": catalog.titles[other.row],
                "reason": other.reason,
                "difference": other.difference,
            }
            for other in group.others
        ],
    }


def _gap_facts(catalog: Catalog, gap: "UnmetRequest", match: "ClosestMatch | None") -> "GapFacts":
    facts: GapFacts = {
        "wanted": dict(gap.wanted),
        "expected": gap.expected,
        "counts": gap.counts,
        "sessions": gap.sessions,
        "ask": None,
        "nearest": None,
    }
    if match is not None:
        facts["ask"] = {"item": catalog.codes[match.row], "changes": match.changes}
        if (found := match.nearest) is not None:
            facts["nearest"] = {"id": found.code, "title": found.title, "distance": found.distance}
    return facts
