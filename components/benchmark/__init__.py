"""The `benchmark` component."""
