"""What operators set, in the form that use cases go by."""

from datetime import timedelta

from server.config.settings import Settings
from server.orchestration.context import Rules, TeamRule


def rules_of(settings: Settings) -> Rules:
    """Read the rules of a process from its settings."""
    return Rules(
        words=settings.command_name,
        allowed=settings.allow_commands,
        status_prefix=settings.status_prefix,
        public_url=settings.public_url,
        allow_forks=settings.allow_forks,
        allow_drafts=settings.allow_drafts,
        carry_plans=settings.carry_plans,
        disable_autoplan=settings.disable_autoplan,
        disable_autoplan_label=settings.disable_autoplan_label,
        automerge=settings.automerge,
        automerge_method=settings.automerge_method,
        disable_automerge_label=settings.disable_automerge_label,
        blocked_extra_args=settings.blocked_extra_args,
        team_rules=tuple(TeamRule.parse(rule) for rule in settings.team_allowlist),
        api_commands=settings.api_commands,
        disable_apply_all=settings.disable_apply_all,
        disable_unlock_label=settings.disable_unlock_label,
        restrict_file_list=settings.restrict_file_list,
        autoplan_files=settings.autoplan_file_list,
        include_untracked=settings.include_git_untracked_files,
        ignore_status_names=settings.ignore_status_names,
        silence_no_projects=settings.silence_no_projects,
        silence_status_no_projects=settings.silence_status_no_projects,
        hide_prev_plan_comments=settings.hide_prev_plan_comments,
        disable_markdown_folding=settings.disable_markdown_folding,
        emoji_reaction="" if settings.emoji_reaction == "none" else settings.emoji_reaction,
        job_timeout=timedelta(seconds=settings.job_timeout_seconds),
        lost_after=timedelta(seconds=settings.lost_after_seconds),
        poll_every=timedelta(seconds=settings.poll_seconds),
    )
