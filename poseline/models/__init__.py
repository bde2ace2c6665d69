"""Architectures, presets and what is saved beside a model."""
