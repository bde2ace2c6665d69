"""compare: the figures of several models in, one table and the Pareto front out."""

from kfp.dsl import HTML, Markdown, Output

from poseline_kfp.components.declared import component


@component("ml")
def compare(
    evaluate_float: list[str],
    evaluate_int8: list[str],
    benchmark: list[str],
    table: Output[Markdown],
    page: Output[HTML],
) -> None:
    """Compare the models of a sweep: accuracy against flash and latency.

    Args:
        evaluate_float: Figures of each float model.
        evaluate_int8: Figures of each int8 model.
        benchmark: Figures of each model on the boards.
        table: A row for each model; those that no other beats are marked.
        page: The same as plots.
    """
    from poseline.tasks import entrypoints

    judged = {
        "evaluate-float": evaluate_float,
        "evaluate-int8": evaluate_int8,
        "benchmark": benchmark,
    }
    entrypoints.compare(judged, table, page)
