"""Take the examples that Thera's tests read out of a copy of `@octokit/webhooks-examples`; see README.md."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
# A file here, and which example of which event it is.
TAKEN: dict[str, tuple[str, int]] = {
    "pull_request.opened": ("pull_request", 12),
    "pull_request.opened.app": ("pull_request", 14),
    "pull_request.synchronize": ("pull_request", 22),
    "pull_request.closed": ("pull_request", 3),
    "pull_request.reopened": ("pull_request", 18),
    "pull_request.ready_for_review": ("pull_request", 16),
    "pull_request.converted_to_draft": ("pull_request", 6),
    "pull_request.labeled": ("pull_request", 8),
    "issue_comment.created": ("issue_comment", 2),
    "issue_comment.edited": ("issue_comment", 7),
    "issue_comment.deleted": ("issue_comment", 5),
    "pull_request_review.submitted": ("pull_request_review", 2),
    "pull_request_review.dismissed": ("pull_request_review", 1),
    "push.branch": ("push", 4),
    "push.tag": ("push", 0),
    "push.deleted_tag": ("push", 1),
    "ping.repository": ("ping", 0),
    "ping.organization": ("ping", 3),
}


def take(index: Path) -> None:
    """Write every file of `TAKEN`, unchanged but for its layout."""
    examples = {event["name"]: event["examples"] for event in json.loads(index.read_text())}
    for name, (event, number) in TAKEN.items():
        (HERE / f"{name}.json").write_text(json.dumps(examples[event][number], indent=1) + "\n")


if __name__ == "__main__":
    take(Path(sys.argv[1]))
