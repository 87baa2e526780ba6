"""Conditions of the catalog, facets and understood words, as what is asked of substitutes."""

from datrnet.core.catalog.catalog import UNLABELED
from datrnet.core.catalog.conditions import Conditions
from datrnet.core.catalog.fact_facets import conditions_on
from datrnet.core.catalog.facts import Condition
from datrnet.core.catalog.picture_states import PICTURE_STATES
from datrnet.tui.catalog_state import CatalogState, Filter
from datrnet.tui.query_state import Filters, QueryState, Values


def conditions_of(state: CatalogState) -> tuple[QueryState, tuple[str, ...]]:
    """Return what the conditions of the catalog ask of substitutes.

    Words that are searched in titles ask for nothing.

    Returns:
        The state, and the conditions that no search can have, in words.
    """
    catalog, left_out = state.snapshot.catalog, list[str]()
    typed = Conditions.of(catalog, state.understood.conditions)
    where, others = dict(typed.labels), typed.others
    for facet in state.facets:
        found = _of_facet(state, facet)
        if found is None:
            left_out.append(facet.words)
            continue
        labels, conditions = found
        where |= {name: _both(where.get(name), values) for name, values in labels.items()}
        others += conditions
    left_out += [term.words for term in state.understood.terms if term.is_either]
    excluded: dict[str, tuple[str, ...]] = {}
    names = {category.name for category in catalog.super_categories}
    for condition in others:
        if condition.name in names:
            kept = excluded.get(condition.name, ())
            excluded[condition.name] = tuple(dict.fromkeys((*kept, condition.value)))
    filters = Filters(where, tuple(it for it in others if it.name not in names))
    return QueryState(excluded=excluded, filters=filters), tuple(left_out)


def _of_facet(state: CatalogState, facet: Filter) -> tuple[Values, tuple[Condition, ...]] | None:
    """Return what a facet asks for: labels, and other conditions; None if no search can."""
    idx = facet.super_category
    assert idx is not None
    picked = (state.excluded if facet.is_excluded else state.chosen)[idx]
    category, catalog = state.categories[idx], state.snapshot.catalog
    if UNLABELED in picked or category is PICTURE_STATES:
        return None
    values = tuple(state.value_name(idx, value) for value in sorted(picked))
    if idx >= len(catalog.super_categories):
        column = catalog.facts.column(category.name)
        found = conditions_on(column, values, is_excluded=facet.is_excluded)
        return None if found is None else ({}, found)
    if facet.is_excluded:
        return {}, tuple(Condition(category.name, "!=", value) for value in values)
    return {category.name: values}, ()


def _both(typed: tuple[str, ...] | None, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values that were both typed and chosen; of several each, an item has one."""
    return tuple(value for value in chosen if value in (typed or chosen)) or chosen
