"""Flags of Atlantis about pull requests: what is planned and applied, who may ask for it, and how it is told."""

from server.atlantis.outcomes import Becomes, Flag, NotNeeded, NotYet, PartOf, Replaced, Value, number, switch, text

AUTOPLAN_FILES = (
    "**/*.tf,**/*.tf.json,**/*.tfvars,**/*.tfvars.json,**/*.tofu,**/*.tofu.json,**/terragrunt.hcl,"
    "**/.terraform.lock.hcl"
)


def words(value: Value) -> str:
    """Keep a word of their own; beside Atlantis's default, Thera's is heard as well."""
    return "thera,atlantis" if value == "atlantis" else str(value)


def with_destroying(value: Value) -> str:
    """Let whoever may plan plan destruction, as Atlantis does."""
    commands = [part.strip() for part in str(value).split(",") if part.strip()]
    return ",".join([*commands, *(["destroy"] if "plan" in commands else [])])


def opposite(value: Value) -> str:
    """Say `true` for off."""
    return str(not value).lower()


_ALWAYS_MODULES = "A change in a local module always counts for every project that uses it, however indirectly"
_WORDING = Replaced(
    by="THERA_TEMPLATE_DIR",
    reason="Templates say parts of comments in any language (`docs/how-to/change-the-words.md`); tables and lists of "
    "changes stay English, as Terraform's own text does.",
)
_TEMPLATES = Replaced(
    by="THERA_TEMPLATE_DIR",
    reason="Thera's templates are Jinja's, with parts and names of their own, so those in Go's language have to be "
    "written anew: `docs/how-to/change-the-words.md`.",
)
_ZERO = "One setting for both. Left off, `0/0` is written where there is no project: a required status blocks nobody."

PULLS: tuple[Flag, ...] = (
    text(
        "allow-commands",
        "version,plan,apply,unlock,approve_policies,cancel",
        Becomes(
            setting="allow_commands",
            convert=with_destroying,
            even_if_unset=True,
            note="`destroy` is added to `plan`: there, `plan -- -destroy` takes no right of its own.",
        ),
    ),
    switch("allow-draft-prs", Becomes(setting="allow_drafts")),
    switch("allow-fork-prs", Becomes(setting="allow_forks")),
    text(
        "autodiscover-mode",
        "auto",
        PartOf(
            key="autodiscover", note="`autodiscover: {mode: …}` for all repositories; there, it overrides their files."
        ),
    ),
    switch("automerge", Becomes(setting="automerge")),
    text("automerge-method", "", Becomes(setting="automerge_method")),
    text(
        "autoplan-file-list",
        AUTOPLAN_FILES,
        Becomes(setting="autoplan_file_list"),
    ),
    switch("autoplan-modules", NotNeeded(f"{_ALWAYS_MODULES}.")),
    text(
        "autoplan-modules-from-projects",
        "",
        NotNeeded(f"{_ALWAYS_MODULES}, and for no other: there is nothing to narrow down."),
    ),
    text(
        "blocked-extra-args",
        "-chdir,--chdir,-plugin-dir,--plugin-dir",
        Becomes(setting="blocked_extra_args"),
    ),
    switch("disable-apply-all", Becomes(setting="disable_apply_all")),
    text("disable-automerge-label", "", Becomes(setting="disable_automerge_label")),
    switch("disable-autoplan", Becomes(setting="disable_autoplan")),
    text("disable-autoplan-label", "", Becomes(setting="disable_autoplan_label")),
    switch(
        "disable-repo-locking",
        PartOf(key="repo_locks", note="`repo_locks: {mode: disabled}` for all repositories; later entries may differ."),
    ),
    text("disable-unlock-label", "", Becomes(setting="disable_unlock_label")),
    switch(
        "discard-approval-on-plan",
        NotYet("Approvals stay, however often is planned.", "Have the forge dismiss them when commits are pushed."),
    ),
    switch(
        "enable-regexp-cmd",
        Replaced(by="`-d` with a pattern", reason="`-d 'env/*'` names several projects at once; `-p` takes a name."),
    ),
    text(
        "executable-name",
        "atlantis",
        Becomes(
            setting="command_name",
            convert=words,
            even_if_unset=True,
            note="A word of your own stays alone; `atlantis` becomes `thera,atlantis`, and both are heard.",
        ),
    ),
    switch(
        "fail-on-pre-workflow-hook-error",
        NotNeeded("A workflow hook that fails before a command always stops it: what it should have made is missing."),
    ),
    text("ignore-vcs-status-names", "", Becomes(setting="ignore_status_names")),
    switch("include-git-untracked-files", Becomes(setting="include_git_untracked_files")),
    switch(
        "parallel-apply",
        NotNeeded("Projects of one execution order group are always applied side by side, as many as workers take."),
    ),
    switch("parallel-plan", NotNeeded("Projects are always planned side by side, as many as workers take.")),
    number(
        "parallel-pool-size",
        15,
        Replaced(
            by="THERA_WORKER_CONCURRENCY",
            reason="The limit is for one worker, over all pull requests; left alone, it is the number of cores.",
        ),
    ),
    text(
        "repo-allowlist",
        None,
        Becomes(setting="repo_allowlist", note="A `*` stands for anything wherever it is, not only at the end."),
    ),
    text("repo-config", "", PartOf(settings=("repo_config",), note="The same file.")),
    text("repo-config-json", "", PartOf(settings=("repo_config",), note="Written into a file.")),
    switch("restrict-file-list", Becomes(setting="restrict_file_list")),
    switch("silence-allowlist-errors", Becomes(setting="answer_unknown_repos", convert=opposite)),
    switch("silence-fork-pr-errors", NotNeeded("Nothing is said about forks until somebody gives a command there.")),
    switch(
        "silence-no-projects",
        Becomes(setting="silence_no_projects"),
    ),
    switch("silence-vcs-status-no-plans", PartOf(settings=("silence_status_no_projects",), note=_ZERO)),
    switch("silence-vcs-status-no-projects", PartOf(settings=("silence_status_no_projects",), note=_ZERO)),
    switch(
        "skip-clone-no-changes",
        NotNeeded("Workers keep a mirror of each repository and fetch only what is new; what is changed, git tells."),
    ),
    text(
        "var-file-allowlist",
        None,
        Becomes(
            setting="var_file_allowlist",
            note="For workers; the repository's own files may always be named. Folders of Atlantis mean nothing here.",
        ),
    ),
)

WORDS: tuple[Flag, ...] = (
    switch("disable-markdown-folding", Becomes(setting="disable_markdown_folding")),
    text(
        "emoji-reaction",
        "",
        Becomes(
            setting="emoji_reaction",
            note="Left alone, it is 👀. `none` is for none at all; names are the same on every forge.",
        ),
    ),
    switch(
        "enable-diff-markdown-format",
        NotNeeded("Changes are shown from the plan's JSON as a `diff`, each sign at the left edge."),
    ),
    switch(
        "hide-prev-plan-comments",
        Becomes(
            setting="hide_prev_plan_comments",
            note="Automatic plans share one comment, which is edited; this folds away those that were asked for.",
        ),
    ),
    switch(
        "hide-unchanged-plan-comments",
        NotNeeded("Projects without changes are always gathered in one folded line."),
    ),
    text("language", "en", _WORDING),
    text("language-config-file", "", _WORDING),
    text("markdown-template-overrides-dir", "~/.markdown_templates", _TEMPLATES),
    number(
        "max-comments-per-command",
        100,
        NotNeeded("A run has one comment. What does not fit is shortened, and is whole on the run's page."),
    ),
    switch(
        "pending-apply-status",
        NotNeeded("The status `apply` is always pending while there are plans to apply, on every forge."),
    ),
    switch(
        "quiet-policy-checks",
        NotNeeded("Policies have no comment of their own: those that pass are one line in the plan's."),
    ),
    text(
        "vcs-status-name",
        "atlantis",
        Becomes(
            setting="status_name",
            even_if_unset=True,
            note="Carried over even if it was not set: branch protection names these statuses.",
        ),
    ),
)
