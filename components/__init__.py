"""The services as KFP components: one folder each, one call into `poseline.stages`."""
