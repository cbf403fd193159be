"""How a worker speaks to the server: one Protocol, over HTTP or in-process."""
