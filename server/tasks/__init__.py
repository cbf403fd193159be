"""The server's half of Celery: decode, one call, nothing else. Celery is known here and nowhere else on this side."""
