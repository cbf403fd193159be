"""Who may ask for what, and where: the operator's word, whichever way a command came."""

from server.comments.render import render_refused
from server.domain.commands import DESTROY, Command, CommandKind
from server.domain.pull import Pull
from server.domain.refs import RepoRef
from server.forges.base import Forge, Permission
from server.orchestration.context import Context

EVERYBODY = "*"


def why_not_ours(ctx: Context, pull: Pull, *, automatic: bool) -> str | None:
    """Say why a pull is none of our business, if it is not."""
    if not pull.is_open:
        return "the pull request is closed"
    if automatic and (reason := _why_not_by_itself(ctx, pull)):
        return reason
    if pull.is_fork and not ctx.rules.allow_forks:
        return "the pull request comes from a fork"
    if not ctx.policy(pull.ref.repo).wants_branch(pull.base_ref):
        return f"the operator's file leaves out the base branch {pull.base_ref}"
    return None


def _why_not_by_itself(ctx: Context, pull: Pull) -> str | None:
    if pull.draft and not ctx.rules.allow_drafts:
        return "the pull request is a draft"
    if ctx.rules.disable_autoplan:
        return "nothing is planned by itself (THERA_DISABLE_AUTOPLAN)"
    if ctx.rules.disable_autoplan_label in pull.labels:
        return f"the pull request has the label {ctx.rules.disable_autoplan_label}"
    return None


def who_may(ctx: Context, forge: Forge, repo: RepoRef, user: str, command: Command) -> str:
    """Say who may give a command there, if this person may not; empty if they may. The forge is asked.

    Raises:
        TryLater: the forge does not answer.
    """
    needed = ctx.policy(repo).commenters
    if needed != "anyone":
        least = Permission.WRITE if needed == "write" else Permission.READ
        if forge.permission(repo, user) < least:
            who = "write access to" if least is Permission.WRITE else "access to"
            return f"only people with {who} this repository may ask for it"
    if not ctx.rules.team_rules:
        return ""
    rights = (command.kind.right, DESTROY) if command.destroy else (command.kind.right,)
    return next(filter(None, (_team_that_may(ctx, forge, repo, user, right) for right in rights)), "")


def _team_that_may(ctx: Context, forge: Forge, repo: RepoRef, user: str, right: str) -> str:
    teams = [rule.team for rule in ctx.rules.team_rules if rule.command in {EVERYBODY, right}]
    if EVERYBODY in teams or any(forge.in_team(repo, team, user) for team in teams):
        return ""
    if not teams:
        return f"no team may {right} here (THERA_TEAM_ALLOWLIST)"
    return f"only members of {' or '.join(sorted(set(teams)))} may {right} here"


def why_no_program_may(ctx: Context, command: Command) -> str:
    """Say why a program with an API token may not give a command, if it may not; empty if it may.

    Rules about people do not fit it: who may write to a repository, or is in a team. It is the operator's own word
    that counts; without one, what is left to teams is left to people.
    """
    rules, verb = ctx.rules, command.kind.verb
    if verb not in rules.allowed:
        return f"`{verb}` is switched off here (THERA_ALLOW_COMMANDS)"
    if rules.api_commands is not None:
        return "" if verb in rules.api_commands else f"programs may not {verb} here (THERA_API_COMMANDS)"
    if not rules.team_rules or any(
        rule.team == EVERYBODY and rule.command in {EVERYBODY, verb} for rule in rules.team_rules
    ):
        return ""
    return f"only teams may {verb} here (THERA_TEAM_ALLOWLIST); THERA_API_COMMANDS can let programs"


def why_not_so(ctx: Context, pull: Pull, command: Command) -> str:
    """Say why the operator does not want a command given in this way, whoever gives it; empty if they do not mind."""
    word, kind = ctx.rules.word, command.kind
    if kind is CommandKind.APPLY and command.target.is_empty and ctx.rules.disable_apply_all:
        return f"everything at once is not applied here: say what, such as `{word} apply -d DIR`"
    if kind is CommandKind.UNLOCK and ctx.rules.disable_unlock_label in pull.labels:
        return f"the pull request has the label {ctx.rules.disable_unlock_label}"
    return ""


def refusal(ctx: Context, command: Command, reason: str) -> str:
    """Write the answer to a command that is not obeyed."""
    return render_refused(f"`{ctx.rules.word} {command.kind.value}` was not run", reason, words=ctx.words)
