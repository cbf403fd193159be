"""The words of a run's comment, in every state a run can be in."""
# ruff: noqa: E501, RUF001  (the words of comments, as they are)

from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from server.comments.render import render_run
from server.comments.view import ProjectView
from server.domain.commands import Command, CommandKind
from server.domain.project import ProjectStatus
from server.domain.requirements import Requirement, Unmet
from server.domain.run import RunOutcome, RunState, Trigger
from tests.unit.comments.examples import FAILED, IDLE, LOCKED, PLANNED, SMALL, a_run
from workers.protocol.jobs import ProjectKey
from workers.protocol.results import Action, ChangeSummary, Counts, Diagnostic, Failure, FailureKind, ResourceChange

LIMIT = 65_000
S = ProjectStatus


def test_an_accepted_run_says_what_it_waits_for() -> None:
    view = a_run(state=RunState.PENDING, outcome=None, queue_note="It waits for 1 earlier command.")

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Plan: accepted, waits for its turn

It waits for 1 earlier command.

---

- To stop it: `thera cancel`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":null,"projects":[]} -->\
""")
    assert render_run(replace(view, queue_note=""), limit=LIMIT).startswith("### Plan: accepted\n")


def test_a_run_that_reads_the_commit_says_which() -> None:
    view = a_run(state=RunState.OPEN, outcome=None, is_discovering=True)

    assert render_run(view, limit=LIMIT).splitlines()[0] == snapshot("### Plan: reading commit `0123456`")
    assert render_run(replace(view, is_discovering=False), limit=LIMIT).startswith("### Plan: under way\n")


def test_a_run_under_way_shows_each_project() -> None:
    running = replace(SMALL, key=ProjectKey("app"), status=S.PENDING, is_running=True, counts=Counts(), changes=None)
    waiting = replace(running, key=ProjectKey("web"), is_running=False)
    view = a_run(PLANNED, FAILED, running, waiting, state=RunState.OPEN, outcome=None, done=2, total=4)

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Plan: 2 of 4 projects done

| Project | Now |
|---|---|
| `prod/db` | ❌ plan failed: Unsupported argument |
| [`network`](https://thera.example/jobs/1) | + 1 to add, ~ 1 to change, ± 1 to replace, − 1 to destroy, ← 1 to import, → 1 to move, 2 outputs to change |
| `app` | ⏳ planning |
| `web` | waiting |

---

- To stop it: `thera cancel`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · terraform 1.9.8 · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":null,"projects":[{"dir":"app","workspace":"default","status":"pending"},{"dir":"network","workspace":"default","name":"network","status":"planned","counts":{"add":1,"change":1,"replace":1,"destroy":1,"imported":1,"moved":1,"outputs":2},"digest":"d1"},{"dir":"prod/db","workspace":"default","status":"plan_errored"},{"dir":"web","workspace":"default","status":"pending"}]} -->\
""")


def test_a_plan_says_what_applying_would_do() -> None:
    assert render_run(a_run(PLANNED), limit=LIMIT, key="autoplan") == snapshot("""\
### Plan: **+ 1 to add, ~ 1 to change, ± 1 to replace, − 1 to destroy, ← 1 to import, → 1 to move, 2 outputs to change** in 1 project

| Project | Result | Next |
|---|---|---|
| [`network`](https://thera.example/jobs/1) | + 1 to add, ~ 1 to change, ± 1 to replace, − 1 to destroy, ← 1 to import, → 1 to move, 2 outputs to change | `thera apply -p network` |

#### `network`: + 1 to add, ~ 1 to change, ± 1 to replace, − 1 to destroy, ← 1 to import, → 1 to move, 2 outputs to change

- ⚠️ Failed check: `check.health`: the site must answer

**− 1 to destroy**

- `aws_s3_bucket.logs["old"]`: its key is no longer in `for_each`

**± 1 to replace**

- `aws_instance.web`: `ami` and `subnet_id` cannot be changed in place; the new one is created before the old one is destroyed

**~ 1 to change**

- `aws_iam_policy.read`: `policy`, `secret`

**+ 1 to add**

- `aws_instance.new`

**← 1 to import**

- `aws_eip.in`: imported from `eip-1`

**→ 1 to move**

- `aws_vpc.b`: moved from `aws_vpc.a`

Changed outside of Terraform: `aws_instance.web`.

<details><summary>Attributes, before and after</summary>

```diff
- aws_s3_bucket.logs["old"] will be destroyed
-   bucket: "logs-old"

! aws_instance.web must be replaced
!   ami: "ami-1" → "ami-2"  # forces replacement
!   id: "i-1" → (known after apply)

! aws_iam_policy.read will be changed
!   policy:
@@ -1,5 +1,5 @@
      {
        "Version": "2012-10-17",
-       "Action": "s3:Get",
+       "Action": "s3:List",
        "Effect": "Allow"
      }
!   secret: (sensitive)

+ aws_instance.new will be created
+   id: (known after apply)
+   user_data:
+     #!/bin/sh
+     echo this is a longer script
+     echo of several lines

+ aws_eip.in will be imported
```

</details>

<details><summary>Outputs</summary>

```diff
!   address: "10.0.0.1" → (known after apply)
!   password: (sensitive)
```

</details>

<details><summary>⚠️ 1 warning</summary>

```
Warning: Argument is deprecated
  on main.tf line 7
```

</details>

<details><summary>Terraform's own text</summary>

```
Terraform will perform the following actions:
...
```

</details>

---

- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · terraform 1.9.8 · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"succeeded","projects":[{"dir":"network","workspace":"default","name":"network","status":"planned","counts":{"add":1,"change":1,"replace":1,"destroy":1,"imported":1,"moved":1,"outputs":2},"digest":"d1"}]} -->
<!-- thera:key autoplan -->\
""")


def test_a_forge_that_cannot_fold_gets_no_html() -> None:
    text = render_run(a_run(PLANNED, *([IDLE] * 7)), limit=LIMIT, can_fold=False)

    assert "<details>" not in text
    assert "<sub>" not in text


def test_several_projects_are_ordered_by_how_much_they_need_a_look() -> None:
    view = a_run(SMALL, IDLE, LOCKED, FAILED, outcome=RunOutcome.FAILED, trigger=Trigger.AUTO)

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Plan: **failed in 1 of 4 projects**; **+ 1 to add** in 1 of 4 projects; 1 project waits for a lock

| Project | Result | Next |
|---|---|---|
| `prod/db` | ❌ plan failed: Unsupported argument | `thera plan -d prod/db` |
| `prod/app/stage` | 🔒 waits for a lock | wait for [\\#12](https://github.com/acme/infra/pull/12) |
| `dns` | + 1 to add | `thera apply -d dns` |
| `idle` | no changes |  |

#### `prod/db`: plan failed

❌ **Unsupported argument**

- `aws_db_instance.main`: Unsupported argument (`prod/db/main.tf:3`)
- `prod/db/main.tf:9`: Missing required argument

<details><summary>Details</summary>

```
Error: Unsupported argument
  on prod/db/main.tf line 3 with aws_db_instance.main
An argument named "volume" is not expected here.
```

</details>

#### `prod/app/stage`: waits for a lock

🔒 `prod/app/stage` is held by [\\#12](https://github.com/acme/infra/pull/12) (bob), 2 hours ago. This pull request is next in the queue; it is planned by itself when \\#12 is merged, closed or unlocked.

#### `dns`: + 1 to add

**+ 1 to add**

- `aws_route53_record.www`

<details><summary>Attributes, before and after</summary>

```diff
+ aws_route53_record.www will be created
```

</details>

---

- To try again: push a correction, or `thera plan -d prod/db`
- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · planned by itself</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"failed","projects":[{"dir":"dns","workspace":"default","status":"planned","counts":{"add":1}},{"dir":"prod/app","workspace":"stage","status":"locked"},{"dir":"prod/db","workspace":"default","status":"plan_errored"},{"dir":"idle","workspace":"default","status":"planned_no_changes"}]} -->\
""")


def test_a_plan_without_changes_is_short() -> None:
    assert render_run(a_run(IDLE, trigger=Trigger.QUEUE), limit=LIMIT) == snapshot("""\
### No changes. Nothing to apply.

| Project | Result | Next |
|---|---|---|
| `idle` | no changes |  |

---

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · planned by itself, because the lock it waited for became free</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"succeeded","projects":[{"dir":"idle","workspace":"default","status":"planned_no_changes"}]} -->\
""")


def test_many_projects_without_changes_share_one_line() -> None:
    idle = [replace(IDLE, key=ProjectKey(f"idle/{number}")) for number in range(7)]

    assert render_run(a_run(SMALL, *idle, trigger=Trigger.STALE), limit=LIMIT) == snapshot("""\
### Plan: **+ 1 to add** in 1 of 8 projects

| Project | Result | Next |
|---|---|---|
| `dns` | + 1 to add | `thera apply -d dns` |

<details><summary>7 projects without changes</summary>

`idle/0`, `idle/1`, `idle/2`, `idle/3`, `idle/4`, `idle/5`, `idle/6`

</details>

#### `dns`: + 1 to add

**+ 1 to add**

- `aws_route53_record.www`

<details><summary>Attributes, before and after</summary>

```diff
+ aws_route53_record.www will be created
```

</details>

---

- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · planned again by itself, because another pull request's apply made the plan stale</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"succeeded","projects":[{"dir":"dns","workspace":"default","status":"planned","counts":{"add":1}},{"dir":"idle/0","workspace":"default","status":"planned_no_changes"},{"dir":"idle/1","workspace":"default","status":"planned_no_changes"},{"dir":"idle/2","workspace":"default","status":"planned_no_changes"},{"dir":"idle/3","workspace":"default","status":"planned_no_changes"},{"dir":"idle/4","workspace":"default","status":"planned_no_changes"},{"dir":"idle/5","workspace":"default","status":"planned_no_changes"},{"dir":"idle/6","workspace":"default","status":"planned_no_changes"}]} -->\
""")


def test_files_that_cannot_be_read_come_first() -> None:
    problem = Diagnostic(severity="error", summary="Unclosed block", file="prod/main.tf", line=12)
    view = a_run(problems=(problem,) * 25, outcome=RunOutcome.FAILED)

    text = render_run(view, limit=LIMIT)

    assert text.startswith(
        "### Plan failed\n\n❌ **These files cannot be read:**\n\n- `prod/main.tf:12`: Unclosed block\n"
    )
    assert "- … 5 more" in text


def test_a_run_without_projects_says_why() -> None:
    assert render_run(a_run(note="No project is touched by this pull request."), limit=LIMIT) == snapshot("""\
### Nothing to plan here

No project is touched by this pull request.

---

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"succeeded","projects":[]} -->\
""")


def test_a_run_that_failed_as_a_whole_says_why() -> None:
    failure = Failure(kind=FailureKind.GIT, summary="the commit cannot be fetched", detail="fatal: no such ref")

    assert render_run(a_run(failure=failure, outcome=RunOutcome.FAILED), limit=LIMIT) == snapshot("""\
### Plan failed

❌ **the commit cannot be fetched**

<details><summary>Details</summary>

```
fatal: no such ref
```

</details>

---

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"plan","head":"0123456789abcdef","outcome":"failed","projects":[]} -->\
""")


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (RunOutcome.REFUSED, "### Plan refused, nothing was run"),
        (RunOutcome.CANCELLED, "### Plan cancelled"),
        (RunOutcome.SUPERSEDED, "### Plan given up, a newer commit was pushed"),
    ],
)
def test_a_run_that_came_to_nothing_says_so(outcome: RunOutcome, line: str) -> None:
    assert render_run(a_run(outcome=outcome), limit=LIMIT).splitlines()[0] == line


def test_an_apply_says_what_was_done() -> None:
    applied = replace(
        PLANNED, status=S.APPLIED, changes=None, warnings=(), outputs={"address": '"10.0.0.2"', "long": "x" * 300}
    )
    view = a_run(applied, kind=CommandKind.APPLY, remaining=((ProjectKey("dns"), S.PLANNED),))

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Applied: **+ 1 added, ~ 1 changed, ± 1 replaced, − 1 destroyed, ← 1 imported, → 1 moved, 2 outputs changed** in 1 project

| Project | Result | Next |
|---|---|---|
| [`network`](https://thera.example/jobs/1) | ✅ + 1 added, ~ 1 changed, ± 1 replaced, − 1 destroyed, ← 1 imported, → 1 moved, 2 outputs changed |  |

#### `network`: + 1 added, ~ 1 changed, ± 1 replaced, − 1 destroyed, ← 1 imported, → 1 moved, 2 outputs changed

<details><summary>Outputs</summary>

```
address = "10.0.0.2"
long = xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
```

</details>

<details><summary>Terraform's own text</summary>

```
Terraform will perform the following actions:
...
```

</details>

---

- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · terraform 1.9.8 · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"apply","head":"0123456789abcdef","outcome":"succeeded","projects":[{"dir":"network","workspace":"default","name":"network","status":"applied","counts":{"add":1,"change":1,"replace":1,"destroy":1,"imported":1,"moved":1,"outputs":2},"digest":"d1"}]} -->\
""")


def test_a_failed_apply_says_what_to_do() -> None:
    failed = replace(
        FAILED, status=S.APPLY_FAILED, failure=Failure(kind=FailureKind.STALE, summary="the plan is stale", detail="x")
    )
    view = a_run(failed, replace(SMALL, status=S.APPLIED), SMALL, kind=CommandKind.APPLY, outcome=RunOutcome.FAILED)

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Apply: **failed in 1 of 3 projects**, + 1 added in 1 of 3 projects and 1 project not applied

| Project | Result | Next |
|---|---|---|
| `prod/db` | ❌ apply failed: the plan is stale | `thera plan -d prod/db` |
| `dns` | ✅ + 1 added |  |
| `dns` | + 1 to add | `thera apply -d dns` |

#### `prod/db`: apply failed

❌ **the plan is stale** Plan again, and look at the new plan before applying it.

<details><summary>Details</summary>

```
x
```

</details>

#### `dns`: + 1 added

<details><summary>Attributes, before and after</summary>

```diff
+ aws_route53_record.www will be created
```

</details>

#### `dns`: + 1 to add

**+ 1 to add**

- `aws_route53_record.www`

<details><summary>Attributes, before and after</summary>

```diff
+ aws_route53_record.www will be created
```

</details>

---

- To try again: push a correction, or `thera plan -d prod/db`
- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"apply","head":"0123456789abcdef","outcome":"failed","projects":[{"dir":"dns","workspace":"default","status":"planned","counts":{"add":1}},{"dir":"prod/db","workspace":"default","status":"apply_errored"},{"dir":"dns","workspace":"default","status":"applied","counts":{"add":1}}]} -->\
""")


def test_an_apply_that_was_held_back_says_what_is_missing() -> None:
    held = replace(SMALL, unmet=(Unmet(Requirement.APPROVED, "nobody has approved it", "ask someone else"),))

    view = a_run(held, kind=CommandKind.APPLY, outcome=RunOutcome.REFUSED)

    assert render_run(view, limit=LIMIT) == snapshot("""\
### Apply refused, nothing was run

| Project | Result | Next |
|---|---|---|
| `dns` | ⛔ not approved | `thera apply -d dns` |

#### `dns`: not applied

- ⛔ **approved**: nobody has approved it. What to do: ask someone else.

**+ 1 to add**

- `aws_route53_record.www`

<details><summary>Attributes, before and after</summary>

```diff
+ aws_route53_record.www will be created
```

</details>

---

- To apply this plan: `thera apply`
- To throw the plans away and free the locks: `thera unlock`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"apply","head":"0123456789abcdef","outcome":"refused","projects":[{"dir":"dns","workspace":"default","status":"planned","counts":{"add":1}}]} -->\
""")


def test_a_lost_apply_says_what_is_known() -> None:
    lost = replace(
        SMALL,
        status=S.LOST,
        changes=None,
        failure=Failure(
            kind=FailureKind.INTERNAL,
            summary="worker w1 fell silent in the middle of the apply",
            detail="a: Creating...\na: Creation complete\nb: Creating...",
        ),
        completed=("aws_route53_record.www",),
    )

    assert render_run(a_run(lost, kind=CommandKind.APPLY, outcome=RunOutcome.LOST), limit=LIMIT) == snapshot("""\
### Apply: **contact lost in 1 project**

| Project | Result | Next |
|---|---|---|
| `dns` | ⚠️ nobody knows how its apply ended | `thera plan -d dns` |

#### `dns`: nobody knows how its apply ended

⚠️ **worker w1 fell silent in the middle of the apply. The state may be ahead of what you see here.** Nothing was repeated, and the lock is kept.

Known to be done (1): `aws_route53_record.www`.

The last lines heard:

```
a: Creating...
a: Creation complete
b: Creating...
```

---

- To see how things stand: `thera plan -d dns`, then `thera apply -d dns`

<sub>[Logs and details](https://thera.example/runs/run-1) · commit `0123456` · asked for by ann</sub>

<!-- thera:run {"v":1,"run":"run-1","command":"apply","head":"0123456789abcdef","outcome":"lost","projects":[{"dir":"dns","workspace":"default","status":"apply_lost","counts":{"add":1}}]} -->\
""")


def test_a_lost_apply_of_which_nothing_is_known_says_that() -> None:
    lost = replace(SMALL, status=S.LOST, changes=None)

    text = render_run(a_run(lost, kind=CommandKind.APPLY, outcome=RunOutcome.LOST), limit=LIMIT)

    assert "No resource is known to be done." in text


def test_an_apply_with_nothing_to_apply_says_so() -> None:
    assert render_run(a_run(kind=CommandKind.APPLY), limit=LIMIT).startswith("### Nothing to apply here\n")
    failed = a_run(kind=CommandKind.APPLY, outcome=RunOutcome.FAILED)
    assert render_run(failed, limit=LIMIT).startswith("### Apply failed\n")


def test_a_plan_that_did_not_finish_does_not_claim_there_are_no_changes() -> None:
    pending = replace(IDLE, status=S.PENDING)

    assert render_run(a_run(pending), limit=LIMIT).startswith("### Plan: not finished\n")


def test_plans_out_of_date_are_to_be_planned_again() -> None:
    view = a_run(replace(IDLE, status=S.STALE), replace(IDLE, key=ProjectKey("b"), status=S.DISCARDED))

    assert "- To plan 2 projects again: `thera plan`" in render_run(view, limit=LIMIT)


def test_two_failures_are_tried_again_with_one_command() -> None:
    view = a_run(FAILED, replace(FAILED, key=ProjectKey("b")), outcome=RunOutcome.FAILED)

    assert "push a correction, or `thera plan`\n" in render_run(view, limit=LIMIT)


def test_a_note_on_a_project_is_shown() -> None:
    view = a_run(replace(IDLE, status=S.PLAN_FAILED, note="May not be planned yet.\n- one\n/close"))

    assert "May not be planned yet.\n- one\n\\/close" in render_run(view, limit=LIMIT)


def test_verbose_unfolds_the_text_of_terraform() -> None:
    view = replace(a_run(PLANNED), command=Command(kind=CommandKind.PLAN, verbose=True))

    assert "<details open><summary>Terraform's own text</summary>" in render_run(view, limit=LIMIT)


def test_versions_are_listed() -> None:
    view = a_run(kind=CommandKind.VERSION, versions=("terraform 1.9.8",))

    assert render_run(view, limit=LIMIT).splitlines()[:3] == ["### Version", "", "- `terraform 1.9.8`"]


def test_resources_left_out_by_the_worker_are_counted() -> None:
    changes = replace(SMALL.changes or ChangeSummary(), omitted=3)

    text = render_run(a_run(replace(SMALL, changes=changes)), limit=LIMIT)

    assert "**3 more changes are not listed here**" in text


def test_too_small_a_limit_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="1000 characters"):
        render_run(a_run(), limit=999)


def test_a_long_list_is_folded_unless_it_is_dangerous() -> None:
    def several(action: Action) -> tuple[ResourceChange, ...]:
        return tuple(ResourceChange(address=f"{action}[{n}]", type="x", action=action) for n in range(20))

    changes = ChangeSummary(resources=several(Action.CREATE) + several(Action.DELETE))

    text = render_run(a_run(replace(SMALL, changes=changes)), limit=LIMIT)

    assert "<details><summary>+ 20 to add</summary>" in text
    assert "**− 20 to destroy**" in text


def test_many_diagnostics_are_counted() -> None:
    found = (Diagnostic(severity="error", summary="no"),) * 20
    failed = replace(FAILED, failure=Failure(kind=FailureKind.INTERNAL, summary="no", diagnostics=found))

    text = render_run(a_run(failed), limit=LIMIT)

    assert "- … 5 more" in text
    assert "This is a fault of ours" in text


@pytest.mark.parametrize(
    ("directory", "file", "told"),
    [
        ("network", "main.tf", "network/main.tf:13"),
        (".", "main.tf", "main.tf:13"),
        ("network", "../modules/x/main.tf", "modules/x/main.tf:13"),
        ("network", ".terraform/modules/x/main.tf", ".terraform/modules/x/main.tf:13"),
    ],
)
def test_a_failure_names_its_file_as_the_repository_does(directory: str, file: str, told: str) -> None:
    wrong = Diagnostic(severity="error", summary="Unclosed configuration block", file=file, line=13)
    failure = Failure(kind=FailureKind.TERRAFORM, summary="plan failed", diagnostics=(wrong,))
    project = ProjectView(key=ProjectKey(directory), status=S.PLAN_FAILED, failure=failure)

    assert f"`{told}`: Unclosed" in render_run(a_run(project, outcome=RunOutcome.FAILED), limit=LIMIT)
