"""The `import-model` component."""
