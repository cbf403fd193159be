"""Views that the tests of comments share."""

from dataclasses import replace
from typing import Any

from server.comments.view import HolderView, ProjectView, RunView
from server.domain.commands import Command, CommandKind
from server.domain.project import ProjectStatus
from server.domain.run import RunOutcome, RunState, Trigger
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

POLICY = '"{\\"Version\\":\\"2012-10-17\\",\\"Action\\":\\"s3:Get\\",\\"Effect\\":\\"Allow\\"}"'

NETWORK = ChangeSummary(
    counts=Counts(add=1, change=1, replace=1, destroy=1, moved=1, imported=1, outputs=2),
    resources=(
        ResourceChange(
            address="aws_instance.web",
            type="aws_instance",
            action=Action.REPLACE,
            replace_paths=("ami", "subnet_id"),
            create_before_destroy=True,
            attributes=(
                AttributeChange(path="ami", before='"ami-1"', after='"ami-2"', forces_replacement=True),
                AttributeChange(path="id", before='"i-1"', unknown=True),
            ),
        ),
        ResourceChange(
            address='aws_s3_bucket.logs["old"]',
            type="aws_s3_bucket",
            action=Action.DELETE,
            reason="delete_because_each_key",
            attributes=(AttributeChange(path="bucket", before='"logs-old"'),),
        ),
        ResourceChange(
            address="aws_iam_policy.read",
            type="aws_iam_policy",
            action=Action.UPDATE,
            attributes=(
                AttributeChange(path="policy", before=POLICY, after=POLICY.replace("Get", "List")),
                AttributeChange(path="secret", sensitive=True),
            ),
        ),
        ResourceChange(
            address="aws_instance.new",
            type="aws_instance",
            action=Action.CREATE,
            attributes=(
                AttributeChange(path="id", unknown=True),
                AttributeChange(
                    path="user_data", after='"#!/bin/sh\\necho this is a longer script\\necho of several lines\\n"'
                ),
            ),
        ),
        ResourceChange(address="data.aws_ami.it", type="aws_ami", action=Action.READ),
        ResourceChange(address="aws_eip.in", type="aws_eip", action=Action.IMPORT, import_id="eip-1"),
        ResourceChange(address="aws_vpc.b", type="aws_vpc", action=Action.MOVE, previous_address="aws_vpc.a"),
    ),
    outputs=(
        OutputChange(name="address", action=Action.UPDATE, before='"10.0.0.1"', unknown=True),
        OutputChange(name="password", action=Action.UPDATE, sensitive=True),
        OutputChange(name="same", action=Action.NO_OP, before="1", after="1"),
    ),
    drifted=("aws_instance.web",),
    checks=(Diagnostic(severity="warning", summary="the site must answer", address="check.health"),),
)

PLANNED = ProjectView(
    key=ProjectKey("network", "default", "network"),
    status=ProjectStatus.PLANNED,
    counts=NETWORK.counts,
    changes=NETWORK,
    text="Terraform will perform the following actions:\n...",
    digest="d1",
    url="https://thera.example/jobs/1",
    terraform="terraform 1.9.8",
    warnings=(Diagnostic(severity="warning", summary="Argument is deprecated", file="main.tf", line=7),),
)

SMALL = ProjectView(
    key=ProjectKey("dns"),
    status=ProjectStatus.PLANNED,
    counts=Counts(add=1),
    changes=ChangeSummary(
        counts=Counts(add=1),
        resources=(ResourceChange(address="aws_route53_record.www", type="x", action=Action.CREATE),),
    ),
)

IDLE = ProjectView(key=ProjectKey("idle"), status=ProjectStatus.NO_CHANGES)

FAILED = ProjectView(
    key=ProjectKey("prod/db"),
    status=ProjectStatus.PLAN_FAILED,
    failure=Failure(
        kind=FailureKind.TERRAFORM,
        summary="Unsupported argument",
        diagnostics=(
            Diagnostic(
                severity="error",
                summary="Unsupported argument",
                detail='An argument named "volume" is not expected here.',
                address="aws_db_instance.main",
                file="main.tf",
                line=3,
            ),
            Diagnostic(severity="error", summary="Missing required argument", file="main.tf", line=9),
        ),
    ),
)

LOCKED = ProjectView(
    key=ProjectKey("prod/app", "stage"),
    status=ProjectStatus.LOCKED,
    holder=HolderView(
        label="prod/app/stage",
        pull_number=12,
        pull_url="https://github.com/acme/infra/pull/12",
        actor="bob",
        since="2 hours ago",
        place=1,
    ),
)

RUN = RunView(
    run_id="run-1",
    command=Command(kind=CommandKind.PLAN),
    trigger=Trigger.COMMENT,
    actor="ann",
    state=RunState.DONE,
    outcome=RunOutcome.SUCCEEDED,
    head_sha="0123456789abcdef",
    base_ref="main",
    word="thera",
    url="https://thera.example/runs/run-1",
)


def a_run(*projects: ProjectView, kind: CommandKind = CommandKind.PLAN, **changes: Any) -> RunView:
    return replace(RUN, projects=projects, command=replace(RUN.command, kind=kind), **changes)
