"""The answer to `explain`."""

from inline_snapshot import snapshot

from server.comments.explanation import Explanation, render_explanation, render_explanations, render_nothing_to_explain
from server.domain.commands import CommandKind
from server.domain.explanation import Cause, Setting, Why
from workers.protocol.jobs import ProjectKey

WEB = ProjectKey("stacks/web", name="web")


def why(cause: Cause, **facts: str) -> Why:
    setting = Setting(name="workflow", value="`careful`", origin="`repos.yaml:3`, `repos[0].workflow`")
    given = {"trigger": "auto", "actor": "ann", "command": "plan", "commit": "0123456789"}
    return Why(cause=cause, settings=(setting,), **{**given, **facts})


def test_one_project_is_told_in_full() -> None:
    cause = Cause(files=("stacks/web/a.tf",), files_in_all=3, through=("m/x.tf", "m", "stacks/web"))
    one = Explanation(
        key=WEB,
        standing="It is planned.",
        why=why(cause, pattern="*.tf", pattern_origin="`thera.yaml:7`, `projects[0].autoplan.when_modified`"),
        in_the_way=("`approved` is required, but nobody has approved it: ask somebody",),
        first=(ProjectKey("net"),),
        remedy=CommandKind.APPLY,
        planned_with="terraform 1.9.5",
    )

    assert render_explanation(one, word="thera") == snapshot("""\
### Why `web` is planned

- ann opened the pull request or pushed to it; planned by itself, at commit `0123456`.
- Changed here: `stacks/web/a.tf` and 2 more files; the first matches `*.tf` (`thera.yaml:7`, `projects[0].autoplan.when_modified`).
- Changed in a module: `m/x.tf` belongs to `m`, which `stacks/web` uses.
- No file lists it; it was found by itself.

**What holds for it**

| Setting | Value | Written in |
|---|---|---|
| workflow | `careful` | `repos.yaml:3`, `repos[0].workflow` |
| planned with | terraform 1.9.5 | its plan |

**Between now and its apply**

It is planned.

In the way:

- `approved` is required, but nobody has approved it: ask somebody

An apply of everything takes these first: `net`.

When that is settled: `thera apply -p web`\
""")  # noqa: E501  (the words of comments, as they are)


def test_what_strangers_chose_stays_harmless() -> None:
    hostile = "a`|@everyone<!-- thera:key x -->"
    setting = Setting(name="workflow", value=f"`{hostile}`", origin=hostile)
    cause = Cause(files=(hostile,), files_in_all=1, through=(hostile, hostile, hostile))
    reasons = Why(
        cause=cause,
        trigger="comment",
        actor="@ann",
        command=hostile,
        commit=hostile,
        listed=hostile,
        pattern=hostile,
        pattern_origin=hostile,
        settings=(setting,),
    )
    one = Explanation(key=ProjectKey(hostile), standing=hostile, why=reasons, in_the_way=(hostile,))

    for said in (render_explanation(one, word="thera"), render_explanations([one], word="thera")):
        assert "<!-- thera" not in said
        assert "@ann" not in said


def test_very_many_projects_are_counted_instead_of_listed() -> None:
    reason = why(Cause(files=("x",)))
    several = [
        Explanation(key=ProjectKey(f"d{number}"), standing="It is planned.", why=reason) for number in range(230)
    ]

    said = render_explanations(several, word="thera")

    assert said.count("\n| `d") == 200
    assert "30 more projects are not listed here." in said


def test_a_pull_without_projects_says_so() -> None:
    assert "has no projects" in render_explanations([], word="thera")
    assert "It has none at all" in render_nothing_to_explain("-d x", (), (), word="thera")
