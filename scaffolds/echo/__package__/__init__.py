"""An agent that repeats its prompt, without a model."""
