"""What Thera does otherwise than Atlantis on purpose, for the page about compatibility; a new row goes to its like."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that people who know Atlantis will notice, and why it is so."""

    topic: str
    atlantis: str
    thera: str
    reason: str


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        topic="A bare command",
        atlantis="`plan` alone is conversation.",
        thera="`plan`, `apply`, `/plan` and `/apply` are commands where they are all that a comment says.",
        reason="Nothing else can be meant.",
    ),
    Difference(
        topic="The word `run`",
        atlantis="`run plan` is a command.",
        thera="It is conversation.",
        reason="Other bots listen to that word.",
    ),
    Difference(
        topic="A mistyped trigger word",
        atlantis="Every comment whose first word is nearly `atlantis`, or `terraform`, is answered.",
        thera="Only where a command follows, alone or with flags; `terraform plan takes long` is conversation.",
        reason="People talk about Terraform.",
    ),
    Difference(
        topic="Letter case of the trigger word",
        atlantis="A configured word with capitals is never recognised.",
        thera="Trigger words are recognised in any letter case.",
        reason="That is what whoever configured it wanted.",
    ),
    Difference(
        topic="`-d` with `..`",
        atlantis="Refused where it leads out of the repository.",
        thera="Always refused.",
        reason="There is always a plain way to write it.",
    ),
    Difference(
        topic="An option that is given twice",
        atlantis="The last one counts.",
        thera="It is a mistake.",
        reason="Nobody knows which one was meant.",
    ),
    Difference(
        topic="`depends_on`",
        atlantis="Later projects are applied with plans that were made before the earlier ones were applied.",
        thera="They are planned again in their turn, and applied if that plan is the reviewed one.",
        reason="What an earlier project puts out is known only when it is applied.",
    ),
    Difference(
        topic="A push to a pull request",
        atlantis="Every project is planned again.",
        thera="Plans that were made of the very same are kept (`THERA_CARRY_PLANS=false` plans all again).",
        reason="A push to one of a hundred projects need not wait for the others.",
    ),
    Difference(
        topic="`apply` with `-replace` or `-destroy`",
        atlantis="Terraform is given them, and refuses.",
        thera="Refused like `-target`, before anything runs.",
        reason="What is applied is the plan that was reviewed.",
    ),
    Difference(
        topic="`version`",
        atlantis="Runs for each planned project.",
        thera="Says what the workers use by default; takes no options.",
        reason="Each plan says which version made it.",
    ),
    Difference(
        topic="`cancel`",
        atlantis="What is queued ends; what runs goes on.",
        thera="What runs is interrupted as well, as by Ctrl-C.",
        reason="That is what people want who type it.",
    ),
    Difference(
        topic="`import`",
        atlantis="Gets no variable files by itself.",
        thera="Gets `env/<workspace>.tfvars`, like a plan.",
        reason="Without them the provider may be configured otherwise than for plans.",
    ),
    Difference(
        topic="Who may give commands",
        atlantis="Everybody who may comment, unless there are rules for teams.",
        thera="Who may write to the repository, unless `commenters` says otherwise.",
        reason="A plan runs code with the workers' credentials.",
    ),
    Difference(
        topic="Webhooks without a secret",
        atlantis="Accepted, with a warning at the start.",
        thera="Refused: each forge needs its secret.",
        reason="Everybody could send them.",
    ),
    Difference(
        topic="When a pull request is planned by itself",
        atlantis="When it is opened, becomes ready, or is pushed to.",
        thera="Also when it is reopened, and when its base branch is changed.",
        reason="Its plans were thrown away, or mean another branch.",
    ),
    Difference(
        topic="A pull request from a fork",
        atlantis="Gets a comment that says so.",
        thera="Nothing is said until somebody gives a command.",
        reason="Strangers cannot make the server talk.",
    ),
    Difference(
        topic="A directory that another one uses as a module",
        atlantis="Planned as a project of its own when it changes, unless it lies in a folder `modules`.",
        thera="Not found as a project; those that use it are planned. A listed project is planned whatever uses it.",
        reason="A module cannot be planned without its callers' values.",
    ),
    Difference(
        topic="A folder named `env`",
        atlantis="Its files always belong to the directory above.",
        thera="They belong to it where it holds a project itself.",
        reason="Somebody put one there.",
    ),
    Difference(
        topic="A version range in `required_version`",
        atlantis="The newest release that fits.",
        thera="The version used otherwise, if it fits; else the newest on the worker, else of the mirror.",
        reason="A release that came out last night is not what was tested.",
    ),
    Difference(
        topic="`.terraform-version`",
        atlantis="Not read.",
        thera="Read for Terraform, and `.opentofu-version` for OpenTofu; neither counts for the other.",
        reason="Versions of the two are not the same.",
    ),
    Difference(
        topic="conftest that runs no test",
        atlantis="The policy set passes.",
        thera="It is an error.",
        reason="A wrong namespace would let every plan through.",
    ),
    Difference(
        topic="A workflow hook that fails before a command",
        atlantis="The command goes on, unless `--fail-on-pre-workflow-hook-error` is set.",
        thera="Nothing is run, and the comment says which hook failed.",
        reason="What the hook should have made is missing.",
    ),
    Difference(
        topic="Where policies are checked",
        atlantis="Only with `--enable-policy-checks`.",
        thera="Wherever the server file has `policies`, unless `policy_check: false`.",
        reason="Who writes policies wants them asked.",
    ),
    Difference(
        topic="A lock that somebody else holds",
        atlantis="The plan fails; somebody has to ask again later.",
        thera="The pull request waits in a queue and is planned when its turn comes.",
        reason="Nobody has to watch.",
    ),
    Difference(
        topic="`mergeable` with a required `apply` status",
        atlantis="Never holds on GitHub, unless `--gh-allow-mergeable-bypass-apply` is set.",
        thera="Holds: Thera's own statuses are left aside.",
        reason="The apply would wait for itself.",
    ),
    Difference(
        topic="`approved` on GitHub",
        atlantis="One approving review, whoever wrote it.",
        thera="As many as the branch's rules ask for, of people who may write.",
        reason="An approval means what the forge means by it.",
    ),
    Difference(
        topic="Comments",
        atlantis="A command's result is a comment of its own, or several where it is long.",
        thera="A run has one comment, which is edited as it goes; what does not fit is on its page.",
        reason="A pull request stays readable.",
    ),
    Difference(
        topic="Rules of `--repo-allowlist` with `*` in the middle",
        atlantis="Only what follows the first `*` is compared.",
        thera="All of the rule is compared; each `*` stands for anything.",
        reason="`github.com/*/infra` shall not let `evil.example/x/infra` in.",
    ),
    Difference(
        topic="A command with more lines beside it",
        atlantis="The comment is ignored.",
        thera="The command is not obeyed, and its author is told.",
        reason="Whoever typed it waits for an answer.",
    ),
    Difference(
        topic="`plan -- -destroy`",
        atlantis="Whoever may plan may plan destruction.",
        thera="It takes the right `destroy` in `THERA_ALLOW_COMMANDS`, as `plan --destroy` does.",
        reason="One approved apply then removes everything.",
    ),
    Difference(
        topic="`-var-file` behind `--`",
        atlantis="Any file in the data directory or in `--var-file-allowlist`.",
        thera="Files of the repository, and of the folders in `THERA_VAR_FILE_ALLOWLIST`.",
        reason="What Terraform says of a file quotes it, in a comment.",
    ),
    Difference(
        topic="`-detailed-exitcode` behind `--`",
        atlantis="The plan counts as failed where there are changes.",
        thera="Refused, with words.",
        reason="The plan is good.",
    ),
    Difference(
        topic="`version: 2` of the repository file",
        atlantis="Read: the words of a `run` command are started without a shell.",
        thera="Refused: only version 3 is read.",
        reason="`run` has one meaning; the mistake says what to write instead.",
    ),
    Difference(
        topic="`depends_on` that names no project, or goes in a circle",
        atlantis="Nothing is said until an apply.",
        thera="Said in the comment before anything is planned.",
        reason="That apply could never come.",
    ),
    Difference(
        topic="A wave of applies of which one fails",
        atlantis="The next waves go on, unless `abort_on_execution_order_fail`.",
        thera="The next waves never start; their plans stay and can be applied afterwards.",
        reason="They count on what failed.",
    ),
    Difference(
        topic="`silence_pr_comments`",
        atlantis="Failures are silenced, too.",
        thera="Failures are told.",
        reason="Silence is for what went well.",
    ),
    Difference(
        topic="`policies_passed` in a repository's own requirements",
        atlantis="A repository that overrides its requirements drops it.",
        thera="It holds wherever plans are checked, and cannot be dropped.",
        reason="The checks are the operator's.",
    ),
    Difference(
        topic="A policy that cannot be asked",
        atlantis="Older versions count broken Rego as passed.",
        thera="It did not pass: a plan that was not judged is not applied until owners approve.",
        reason="Silence is no verdict.",
    ),
    Difference(
        topic="`path` of a policy set",
        atlantis="May be relative to wherever the server runs.",
        thera="Absolute for `source: local`, or `from_checkout`.",
        reason="Workers run elsewhere.",
    ),
    Difference(
        topic="`team_authz` in the server file",
        atlantis="The server runs a command that says who may do what.",
        thera="Refused at the start; `THERA_TEAM_ALLOWLIST` says it.",
        reason="Thera's server runs no commands.",
    ),
    Difference(
        topic="`metrics` and `external_stores` in the server file",
        atlantis="Set up what they name.",
        thera="Read and without effect: metrics are at `/metrics`, plans in `THERA_ARTIFACT_URL`.",
        reason="Both are there without being asked for.",
    ),
    Difference(
        topic="`emoji_reaction` in the repository's file",
        atlantis="Chooses the reaction to a comment.",
        thera="Without effect; `THERA_EMOJI_REACTION` chooses it for all.",
        reason="A command is marked at once, before any file is read.",
    ),
    Difference(
        topic="`allowed_regexp_prefixes`",
        atlantis="Limits what `-p` with an expression may name.",
        thera="Without effect: `-p` is a name, and `-d` takes patterns.",
        reason="A pattern of directories says the same more plainly.",
    ),
    Difference(
        topic="`undiverged` with `checkout: branch`",
        atlantis="Without effect.",
        thera="Holds only while the base branch has nothing that the head lacks.",
        reason="A requirement that never refuses is none.",
    ),
    Difference(
        topic="`/api/plan` and `/api/apply` without `PR`",
        atlantis="Run on a throw-away checkout; requirements are skipped.",
        thera="Refused: `PR` is required.",
        reason="Without a pull request nobody reviews what is applied.",
    ),
    Difference(
        topic="`Ref` of `/api/plan` and `/api/apply`",
        atlantis="Required; any branch, tag or commit.",
        thera="May be left out; if given, it has to be the head of the pull request.",
        reason="What runs is what the pull request shows.",
    ),
    Difference(
        topic="`/api/plan` and `/api/apply` without `Projects` and `Paths`",
        atlantis="Nothing is run.",
        thera="Everything is meant, as in a comment; an empty list, or an unknown key, is a mistake.",
        reason="Nobody asks for nothing.",
    ),
    Difference(
        topic="`/api/apply`",
        atlantis="Plans first, applies, then releases the pull request's locks.",
        thera="Applies the saved plans, and treats locks as after a comment.",
        reason="What is applied is the plan that was reviewed.",
    ),
    Difference(
        topic="Results of `/api/plan` and `/api/apply`",
        atlantis="Errors are `{}`; the pull request hears nothing; the request lasts as long as the work.",
        thera="Errors are text; the pull request is told; after `THERA_API_WAIT` seconds the answer is 202.",
        reason="Errors are for reading, and proxies do not wait for an hour.",
    ),
    Difference(
        topic="Who may use `/api/plan` and `/api/apply` where there are rules for teams",
        atlantis="Team rules are asked about a user without a name.",
        thera="What the rules let `*` do, or what `THERA_API_COMMANDS` says.",
        reason="A program is in no team.",
    ),
    Difference(
        topic="Outgoing webhooks",
        atlantis="`CloneURL` contains the credentials; nothing is retried.",
        thera="It contains none; messages are retried for a day, and can be signed. Pull requests have no description.",
        reason="A message is for whoever reads it, and should arrive.",
    ),
    Difference(
        topic="`webhooks` with the event `drift`",
        atlantis="Told after each detection.",
        thera="Refused at the start.",
        reason="There is no drift detection yet; nobody should wait for such a message.",
    ),
    Difference(
        topic="`GET /api/locks`",
        atlantis="Open to everybody; `Locks` is null where there are none.",
        thera="Takes an API token; `Locks` is always a list.",
        reason="It names repositories, pull requests and people.",
    ),
)
