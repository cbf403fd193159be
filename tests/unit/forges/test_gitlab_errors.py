"""GitLab's words become ours, in whichever of its shapes they come."""

from typing import Any

import pytest
from gitlab.exceptions import GitlabError, GitlabHttpError, RedirectError

from server.domain.errors import Refused, ServiceError, TryLater, UserMistake
from server.forges.gitlab_errors import message_of, translated


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("404 Not found", "404 Not found"),
        ({"base": ["is busy", "is late"], "name": "taken"}, "base is busy, is late; name taken"),
        ([{"a": 1}], "a 1"),
        (b"\xc3\xa9t\xc3\xa9", "été"),
        (b"\xff", "\ufffd"),
        ("x" * 9_999, "x" * 500),
    ],
)
def test_a_message_is_a_text_whatever_it_was(said: Any, words: str) -> None:
    assert message_of(GitlabHttpError(said, 400)) == words


@pytest.mark.parametrize(
    ("error", "ours", "words"),
    [
        (GitlabHttpError("nope", 400), UserMistake, "GitLab cannot do it (reading): 400 nope"),
        (GitlabHttpError("gone", 404), UserMistake, "hides it from the token (reading)"),
        (GitlabHttpError("busy", 409), UserMistake, "409 busy"),
        (GitlabHttpError("bad", 422), UserMistake, "422 bad"),
        (GitlabHttpError("no", 403), Refused, "GitLab forbids it (reading): no."),
        (GitlabHttpError("oh", 502), TryLater, "GitLab answered 502 (reading)."),
        (GitlabError("?"), TryLater, "GitLab did not answer (reading): GitlabError"),
        (RedirectError("to https://x/?private_token=hush"), Refused, "set THERA_GITLAB_URL"),
    ],
)
def test_an_error_says_what_happens_next(error: GitlabError, ours: type[ServiceError], words: str) -> None:
    with pytest.raises(ours) as caught, translated("reading"):
        raise error
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)
