"""The pydantic models: one file a section of the config."""
