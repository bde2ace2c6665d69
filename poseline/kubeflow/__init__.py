"""Kubeflow Pipelines: its REST API, compiled packages and schedules; without its SDK."""
