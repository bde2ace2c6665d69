"""Reconciles PoseSchedule."""
