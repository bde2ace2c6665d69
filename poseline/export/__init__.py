"""What a firmware project takes over: the model, C99 around it, and a self-test."""
