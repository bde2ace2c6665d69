"""JSON Schemas and the reference, generated from the models."""
