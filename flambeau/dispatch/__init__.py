"""How a definition becomes a function: the registry, calls, recording, in-place writes, overrides."""
