"""The `dataset-convert-part` component."""
