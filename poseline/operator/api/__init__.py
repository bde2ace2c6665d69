"""The custom resources: kinds, schemas, Events, permissions, reference."""
