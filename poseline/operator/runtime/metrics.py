"""What Prometheus reads."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

RECONCILIATIONS = Counter(
    "poseline_operator_reconciliations_total", "Reconciliations, by outcome.", ("kind", "outcome")
)
RECONCILE_SECONDS = Histogram(
    "poseline_operator_reconcile_seconds",
    "Duration of a reconciliation.",
    ("kind",),
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
SUBMITTED = Counter("poseline_operator_runs_submitted_total", "Runs that Kubeflow was asked for.")
STOPPED = Counter("poseline_operator_runs_stopped_total", "Runs that were terminated.")
SECOND_RUNS = Counter("poseline_operator_second_runs_total", "Runs that a late answer made twice.")
CREATED = Counter("poseline_operator_experiments_created_total", "Experiments made by schedules.")
MISSED = Counter("poseline_operator_slots_missed_total", "Slots of schedules that were left out.")
ENDED = Counter("poseline_operator_experiments_ended_total", "Experiments that ended.", ("phase",))
WAITING = Gauge("poseline_operator_queue_length", "Objects that wait to be reconciled.")
LEADER = Gauge("poseline_operator_leader", "Whether this replica leads.")
