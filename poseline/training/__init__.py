"""How a model learns: loss, optimizers, schedules, callbacks, resuming."""
