"""The words of the short comments."""
# ruff: noqa: E501  (the words of comments, as they are)

from inline_snapshot import snapshot

from server.comments.render import (
    render_closed,
    render_help,
    render_lock_freed,
    render_mistake,
    render_refused,
    render_unlocked,
    render_version,
)
from server.domain.commands import Mistake
from server.domain.requirements import Requirement, Unmet


def test_help_shows_every_command() -> None:
    assert render_help("thera") == snapshot("""\
### What you can ask me

A command is the only line of a comment.

| Command | What it does |
|---|---|
| `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]` | show what would change; every project this pull request touches, unless narrowed down |
| `thera apply [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--auto-merge-disabled] [--auto-merge-method METHOD] [-- TERRAFORM ARGUMENTS]` | apply the plans shown here, exactly as shown; all of them, unless narrowed down |
| `thera approve_policies [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--policy-set NAME] [--clear-policy-approval]` | accept what policies found wrong with the plans shown here; for those who own the policies |
| `thera import [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] ADDRESS ID [-- TERRAFORM ARGUMENTS]` | take something that exists into the state of one project; its plan is thrown away |
| `thera state rm [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] ADDRESS… [-- TERRAFORM ARGUMENTS]` | forget resources: out of the state, and otherwise left alone; the plan is thrown away |
| `thera unlock` | throw this pull request's plans away and free its locks |
| `thera cancel` | stop what is queued here, and interrupt what is running |
| `thera version` | say which Terraform the workers use by default |
| `thera explain [-d DIR] [-w WORKSPACE] [-p PROJECT]` | say why a project is planned here, what holds for it, and what stands between now and its apply |
| `thera help [COMMAND]` | show this, or more about one command |

`plan`, `apply`, `/plan` and `/apply` alone do the same. `thera help plan` explains one command.\
""")
    assert render_help("thera", "frobnicate") == render_help("thera")


def test_help_explains_one_command() -> None:
    assert render_help("thera", "plan") == snapshot("""\
### `plan`: show what would change; every project this pull request touches, unless narrowed down

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`

| Flag | Meaning |
|---|---|
| `-d`, `--dir` DIR | only the project in this directory |
| `-w`, `--workspace` WORKSPACE | only this Terraform workspace |
| `-p`, `--project` PROJECT | only the project of this name |
| `--verbose` | show Terraform's own text unfolded |
| `--destroy` | plan to destroy all that a project manages, also one that is deleted here |

What follows `--` is handed to Terraform as it is.\
""")
    assert render_help("thera", "unlock") == snapshot("""\
### `unlock`: throw this pull request's plans away and free its locks

Usage: `thera unlock`

It takes no flags: it always means everything this pull request holds.\
""")


def test_a_mistake_is_answered() -> None:
    assert render_mistake(Mistake("There is no command `x`.")) == snapshot("🤔 There is no command `x`.")


def test_a_closed_pull_is_told_what_was_released() -> None:
    assert render_closed(["network", "prod/stage"], discarded=["network"], was_merged=True) == snapshot("""\
### Merged: plans discarded, locks free

- `network`
- `prod/stage`

Planned and not applied: `network`.\
""")
    assert render_closed(["network"], was_merged=False, still_applying=True) == snapshot("""\
### Closed: an apply is still running, its locks are freed when it ends

- `network`\
""")


def test_unlocking_says_what_is_free() -> None:
    assert render_unlocked(["network"], word="thera", actor="ann") == snapshot("""\
### Unlocked

ann threw this pull request's plans away. Free for others again:

- `network`

To plan again: `thera plan`\
""")
    assert render_unlocked([], word="thera", actor="ann") == snapshot("""\
### Nothing was locked

This pull request held no locks. If it had plans, they are thrown away; to plan again: `thera plan`\
""")


def test_a_refusal_names_the_rule_and_the_way_forward() -> None:
    unmet = Unmet(Requirement.MERGEABLE, "a check fails", "resolve it")

    assert render_refused("`apply` was not run", "a rule of this repository", remedy="wait", unmet=[unmet]) == snapshot("""\
### ⛔ `apply` was not run

Why: a rule of this repository

- **mergeable**: a check fails. What to do: resolve it.

What to do: wait\
""")


def test_who_waited_is_told_that_the_lock_is_free() -> None:
    url = "https://github.com/acme/infra/pull/12"

    assert render_lock_freed("network", holder="#12", holder_url=url, word="thera") == snapshot("""\
### 🔓 `network` is free

[\\#12](https://github.com/acme/infra/pull/12) let go of it, and this pull request was next in the queue.

It is being planned now.\
""")
    assert "To plan it: `thera plan`" in render_lock_freed(
        "network", holder="#12", holder_url=url, word="thera", plans_by_itself=False
    )


def test_versions_are_listed() -> None:
    assert render_version(["terraform 1.9.8", "opentofu 1.8.3"]) == snapshot("""\
- `terraform 1.9.8`
- `opentofu 1.8.3`\
""")
    assert render_version([]) == "No worker has answered."
