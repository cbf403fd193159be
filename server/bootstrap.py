"""The composition root: settings become a running server or worker, one small function a part."""

import structlog

log = structlog.get_logger()
