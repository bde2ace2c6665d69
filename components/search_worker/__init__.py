"""The `search-worker` component."""
