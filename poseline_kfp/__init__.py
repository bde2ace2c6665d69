"""KFP components and pipelines; `components/` and `pipelines/` at the root of the project."""
