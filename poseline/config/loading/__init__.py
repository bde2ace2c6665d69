"""From YAML, overrides and a run's form to a checked config."""
