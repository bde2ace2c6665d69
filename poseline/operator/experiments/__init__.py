"""Reconciles PoseExperiment."""
