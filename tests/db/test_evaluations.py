"""Evaluations are kept, and made again they replace their predecessor."""

from datrnet.db.store import Store


def test_the_figures_of_an_index_are_kept_by_how_they_were_made(store: Store) -> None:
    store.add_evaluation("run", "generation", "test", '{"k": 30}', '{"top": 0.5}')
    store.add_evaluation("run", "generation", "test", '{"k": 10}', '{"top": 0.3}')
    store.add_evaluation("run", "generation", "test", '{"k": 30}', '{"top": 0.6}')
    found = [(row.protocol_json, row.results_json) for row in store.evaluations()]
    assert found == [('{"k": 10}', '{"top": 0.3}'), ('{"k": 30}', '{"top": 0.6}')]
    assert store.evaluations()[0].made_at
