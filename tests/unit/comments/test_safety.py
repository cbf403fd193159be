"""No name, value or error, whoever chose it, does more in a comment than to be read."""

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from server.comments.format import Markdown
from server.comments.marker import parse_marker
from server.comments.render import render_closed, render_refused, render_run
from server.comments.view import HolderView, ProjectView, RunView
from server.domain.commands import CommandKind
from server.domain.project import ProjectStatus
from server.domain.requirements import Requirement, Unmet
from server.domain.run import RunOutcome, RunState
from tests.unit.comments.examples import a_run
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import (
    Action,
    AttributeChange,
    ChangeSummary,
    Counts,
    Diagnostic,
    Failure,
    FailureKind,
    OutputChange,
    ResourceChange,
)

OUR_TAGS = re.compile(r"</?(?:details|summary|sub|code)>|<details open>|<!-- thera:.* -->")
MENTION = re.compile(r"(?<![\w`])@\w")

nasty = st.lists(
    st.one_of(
        st.sampled_from(
            ["`", "```", "``", "|", "\n", "\r\n", "\\", "-->", "<!--", "<!-- thera:run {} -->", "@everyone", "@a/b"]
        ),
        st.sampled_from(["</details>", "<details>", "<b>", "</summary>", "&#64;all", "[x](y)", "![", "# h", "\n# h"]),
        st.sampled_from(
            ["\n---\n", "~~~", "**", "_", "*", "$", "\x1b[31m", "\u202e", "\x00", "\n\n", "> ", "\n- ", "/x"]
        ),
        st.text(max_size=5),
    ),
    min_size=1,
    max_size=6,
).map("".join)


@st.composite
def projects(draw: st.DrawFn) -> ProjectView:
    def text() -> str:
        return draw(nasty)

    found = (
        Diagnostic(severity="error", summary=text(), detail=text(), address=text(), file=text(), line=1),
        Diagnostic(severity="error", summary=text(), file=draw(st.none() | nasty)),
    )
    changes = ChangeSummary(
        counts=Counts(add=1),
        resources=tuple(
            ResourceChange(
                address=text(),
                type="x",
                action=draw(st.sampled_from(Action)),
                reason=draw(st.just("") | nasty),
                replace_paths=draw(st.just(()) | st.tuples(nasty)),
                previous_address=draw(st.none() | nasty),
                import_id=draw(st.none() | nasty),
                deferred=draw(st.booleans()),
                attributes=(
                    AttributeChange(path=text(), before=draw(st.none() | nasty), after=draw(st.none() | nasty)),
                    AttributeChange(path=text(), before=text() * 20, after=text() * 20, unknown=draw(st.booleans())),
                ),
            )
            for _ in range(draw(st.integers(0, 3)))
        ),
        outputs=(OutputChange(name=text(), action=Action.UPDATE, before=text(), after=text()),),
        drifted=(text(),),
        checks=found,
    )
    return ProjectView(
        key=ProjectKey(text(), text(), draw(st.none() | nasty)),
        status=draw(st.sampled_from(ProjectStatus)),
        counts=changes.counts,
        changes=draw(st.sampled_from([changes, None])),
        failure=draw(st.sampled_from([None, Failure(kind=FailureKind.STEP, summary=text(), diagnostics=found)])),
        text=text() * draw(st.integers(0, 50)),
        warnings=found,
        outputs={text(): text()},
        unmet=draw(st.sampled_from([(), (Unmet(Requirement.APPROVED, text(), text()),)])),
        holder=draw(
            st.sampled_from(
                [None, HolderView(label=text(), pull_number=1, pull_url=text(), actor=text(), since=text(), place=2)]
            )
        ),
        note=text(),
        url=draw(nasty | nasty.map("https://x/".__add__)),
        terraform=text(),
        completed=(text(),),
    )


@st.composite
def runs(draw: st.DrawFn) -> RunView:
    return replace(
        a_run(*draw(st.lists(projects(), max_size=3))),
        command=replace(a_run().command, kind=draw(st.sampled_from([CommandKind.PLAN, CommandKind.APPLY]))),
        state=draw(st.sampled_from(RunState)),
        outcome=draw(st.sampled_from(RunOutcome)),
        actor=draw(nasty),
        note=draw(nasty),
        url=draw(nasty | nasty.map("https://x/".__add__)),
        head_sha=draw(nasty),
        queue_note=draw(nasty),
        problems=(Diagnostic(severity="error", summary=draw(nasty), file=draw(nasty)),),
    )


def tokens(text: str) -> list[Token]:
    read = MarkdownIt("commonmark").enable("table").parse(text)
    return [*read, *(child for token in read for child in token.children or ())]


def check_is_harmless(text: str) -> None:
    read = tokens(text)
    html = "".join(token.content for token in read if token.type in ("html_block", "html_inline"))
    assert html.count("<details") == html.count("</details>") == html.count("<summary>")
    tags = re.findall(r"<[^>]*>", re.sub(r"<!-- thera:run .* -->|<!-- thera:key .* -->", "", html))
    assert [tag for tag in tags if not OUR_TAGS.fullmatch(tag)] == []
    assert not [token.content for token in read if token.type == "text" and MENTION.search(token.content)]
    assert {token.type for token in read}.isdisjoint({"image", "blockquote_open", "code_block"})


@settings(max_examples=60, deadline=None)
@given(runs(), st.booleans())
def test_a_comment_is_harmless_whatever_is_in_it(view: RunView, can_fold: bool) -> None:  # noqa: FBT001
    text = render_run(view, limit=65_000, can_fold=can_fold)

    check_is_harmless(text)
    titles = [token for token in tokens(text) if token.type == "heading_open" and token.tag == "h3"]
    assert len(titles) == 1
    rows = [token for token in tokens(text) if token.type == "tr_open"]
    assert len(rows) == (len(view.projects) + 1 if view.projects else 0)
    marker = parse_marker(text)
    assert marker is not None
    assert marker["run"] == "run-1"


@settings(max_examples=60, deadline=None)
@given(runs(), st.integers(1000, 8000))
def test_a_comment_keeps_its_limit_and_closes_what_it_opens(view: RunView, limit: int) -> None:
    text = render_run(replace(view, url=view.url[:30], actor="ann", head_sha="abc"), limit=limit)

    assert len(text) <= limit
    check_is_harmless(text)
    assert text.startswith("### ")


@given(nasty)
def test_the_short_comments_are_harmless(text: str) -> None:
    check_is_harmless(render_closed([text], was_merged=True, discarded=[text]))
    check_is_harmless(render_refused("apply", text, remedy=text))


def test_a_sensitive_value_is_never_printed_even_if_it_were_carried() -> None:
    carried = AttributeChange(path="password", before='"hunter2"', after='"hunter3"', sensitive=True)
    resource = ResourceChange(address="a.b", type="a", action=Action.UPDATE, attributes=(carried,))
    output = OutputChange(name="o", action=Action.UPDATE, before='"hunter2"', after='"hunter3"', sensitive=True)
    changes = ChangeSummary(counts=Counts(change=1), resources=(resource,), outputs=(output,))
    project = ProjectView(key=ProjectKey("a"), status=ProjectStatus.PLANNED, counts=changes.counts, changes=changes)

    text = render_run(a_run(project), limit=65_000)

    assert "hunter" not in text
    assert text.count("(sensitive)") == 2


def test_markdown_is_text() -> None:
    assert Markdown("a") == "a"
