"""The `export` component."""
