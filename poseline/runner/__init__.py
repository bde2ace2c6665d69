"""A chain in one process: steps, inputs, tracking, promotion."""
