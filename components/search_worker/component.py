"""search-worker: candidates asked for, estimated, trained and measured, until there are enough."""

from poseline_kfp.components.declared import component


@component("ml")
def search_worker(order: str) -> None:
    """Work at a search that others work at, too; they meet in its storage alone.

    The storage's URL comes from the platform's secret. A candidate that breaks the board's budget
    is refused before it is trained; a trial of a worker that died is made up for.

    Args:
        order: From `search-orders`.
    """
    from poseline.tasks import entrypoints

    entrypoints.work_at_search(order)
