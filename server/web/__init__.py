"""HTTP for people, programs and workers. It shows rows and calls use cases; it decides nothing."""
