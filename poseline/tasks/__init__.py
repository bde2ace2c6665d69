"""The steps of a chain as tasks of Kubeflow Pipelines."""
