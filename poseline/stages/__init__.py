"""convert, train, quantize, evaluate, predict, benchmark: run(config, inputs, out)."""
