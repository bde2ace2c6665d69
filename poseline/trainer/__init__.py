"""A training on several nodes, as a TrainJob of Kubeflow Trainer: made, followed, ended."""
