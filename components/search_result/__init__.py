"""The `search-result` component."""
