"""The contract between server and workers: frozen values and their JSON.

Standard library only (the codec adds pydantic). It changes by adding fields with defaults, so that
version N and N+1 can run side by side.
"""
