"""search-result: the trials of all workers in, table, Pareto fronts and the best model out."""

from kfp.dsl import HTML, Markdown, Model, Output

from poseline_kfp.components.declared import component


@component("ml")
def search_result(
    orders: list[str],
    table: Output[Markdown],
    page: Output[HTML],
    model: Output[Model],
) -> None:
    """Compare the trials of a search, and register the most accurate model within the limits.

    Args:
        orders: From `search-orders`.
        table: A row for each trial that was measured; those that no other beats are marked.
        page: The same as plots.
        model: The best model, with its sidecar.
    """
    from poseline.tasks import entrypoints

    entrypoints.finish_search(orders, table, page, model)
