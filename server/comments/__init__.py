"""Words: what people write to Thera, and what Thera writes back. Pure functions of values."""
