"""What a comment means: a command, a mistake, or nothing of ours."""
# ruff: noqa: E501  (the words of comments, as they are)

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from server.comments.grammar import FORMS
from server.comments.parser import edit_distance, parse
from server.domain.commands import Command, CommandKind, Mistake, NotForUs, Target, Utterance
from workers.protocol.jobs import ProjectKey

PLAN = Command(kind=CommandKind.PLAN)
APPLY = Command(kind=CommandKind.APPLY)


def understood(body: str, *, words: tuple[str, ...] = ("thera", "atlantis"), login: str = "thera-bot") -> Utterance:
    return parse(body, words=words, login=login)


def answer(body: str) -> str:
    said = understood(body)
    assert isinstance(said, Mistake), said
    return said.answer


@pytest.mark.parametrize(
    "body",
    [
        "thera plan",
        "atlantis plan",
        "@thera-bot plan",
        "@Thera-Bot Plan",
        "THERA PLAN",
        "  thera   plan  ",
        "thera plan\n\n  \n",
        "`thera plan`",
        "``thera plan``",
        "` thera plan `",
        "thera\u00a0plan",
        "\u200bthera plan",
        "thera plan --",
        "plan",
        "/plan",
        "Plan\n",
        "`plan`",
    ],
)
def test_a_plan_is_asked_for_in_many_ways(body: str) -> None:
    assert understood(body) == PLAN


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \n ",
        "> thera plan",
        "# thera plan",
        "<!-- thera plan -->",
        "```\nthera plan\n```",
        "~~~\nthera plan\n~~~",
        "```thera plan",
        "`thera` plan",
        "I typed thera plan",
        "- thera plan",
        "plan for tomorrow",
        "plan - we should talk",
        "apply.",
        "help",
        "unlock",
        "terraform plan takes long",
        "terraform fmt",
        "terraform",
        "the plan",
        "run plan",
        "tofu",
        "here plans differ",
    ],
)
def test_conversation_is_left_alone(body: str) -> None:
    assert understood(body) == NotForUs()


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        ("-d prod", Target(dir="prod")),
        ("-d=prod", Target(dir="prod")),
        ("-dprod", Target(dir="prod")),
        ("--dir prod", Target(dir="prod")),
        ("--dir=prod", Target(dir="prod")),
        ("-d ./prod//db/", Target(dir="prod/db")),
        ("-d /prod", Target(dir="prod")),
        ("-d /", Target(dir=".")),
        ("-d .", Target(dir=".")),
        ("-d 'two words'", Target(dir="two words")),
        ("-w stage", Target(workspace="stage")),
        ("-wstage", Target(workspace="stage")),
        ("--workspace=stage -d prod", Target(dir="prod", workspace="stage")),
        ("-p team/app", Target(project="team/app")),
        ("--project team/app", Target(project="team/app")),
    ],
)
def test_flags_are_spelled_as_git_and_atlantis_do(arguments: str, target: Target) -> None:
    assert understood(f"thera plan {arguments}") == Command(kind=CommandKind.PLAN, target=target)


def test_what_follows_two_hyphens_is_terraforms() -> None:
    said = understood("""thera plan -d a --verbose -- -var 'name=two words' -target=x["k"] --help -- -d b""")

    extra = ("-var", "name=two words", "-target=x[k]", "--help", "--", "-d", "b")
    assert said == Command(kind=CommandKind.PLAN, target=Target(dir="a"), verbose=True, extra_args=extra)


def test_a_slash_makes_the_bare_word_take_flags() -> None:
    assert understood("/apply -d prod") == Command(kind=CommandKind.APPLY, target=Target(dir="prod"))
    assert answer("apply -d prod") == snapshot(
        "Did you mean `thera apply -d prod` or `/apply -d prod`? Only the word alone is understood without either."
    )


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        ("thera", None),
        ("@thera-bot", None),
        ("thera help", None),
        ("thera -h", None),
        ("thera --help", None),
        ("thera help apply", "apply"),
        ("thera apply --help", "apply"),
        ("thera unlock -h", "unlock"),
    ],
)
def test_help_is_always_near(body: str, topic: str | None) -> None:
    assert understood(body) == Command(kind=CommandKind.HELP, topic=topic)


@pytest.mark.parametrize("kind", [CommandKind.UNLOCK, CommandKind.CANCEL, CommandKind.VERSION])
def test_commands_about_everything_stand_alone(kind: CommandKind) -> None:
    assert understood(f"thera {kind}") == Command(kind=kind)
    assert "takes no arguments" in answer(f"thera {kind} -d prod")


def test_a_misspelt_command_is_guessed() -> None:
    assert answer("thera plna") == snapshot("""\
There is no command `plna`. Did you mean `thera plan`?

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")
    assert "Did you mean `atlantis apply`?" in answer("atlantis aply")  # codespell:ignore aply
    assert "Did you mean `thera plan`?" in answer("thera help plann")


def test_an_unknown_command_gets_the_list() -> None:
    assert answer("thera frobnicate") == snapshot(
        "There is no command `frobnicate`. I know `plan`, `apply`, `approve_policies`, `import`, `state rm`, `unlock`, `cancel`, `version`, `explain` and `help`; `thera help` explains them."
    )


def test_a_command_that_is_not_switched_on_says_who_can_and_what_to_do_instead() -> None:
    said = parse("thera import aws_instance.a i-1", words=["thera"], login="", allowed=["plan"])
    assert isinstance(said, Mistake)
    assert said.answer == snapshot(
        "`import` is not switched on here; the operator can, with `THERA_ALLOW_COMMANDS`. Write an `import` block in the code: it is planned, reviewed and applied like any other change."
    )
    assert isinstance(parse("thera help", words=["thera"], login="", allowed=[]), Command)


@pytest.mark.parametrize(
    ("body", "command"),
    [
        (
            "thera import -d prod 'aws_instance.a[\"x\"]' i-1 -- -var a=b",
            Command(
                kind=CommandKind.IMPORT,
                target=Target(dir="prod"),
                arguments=('aws_instance.a["x"]', "i-1"),
                extra_args=("-var", "a=b"),
            ),
        ),
        (
            "thera import aws_instance.a i-1 -p app",
            Command(kind=CommandKind.IMPORT, target=Target(project="app"), arguments=("aws_instance.a", "i-1")),
        ),
        (
            "thera state rm a.b c.d -w stage",
            Command(kind=CommandKind.STATE_RM, target=Target(workspace="stage"), arguments=("a.b", "c.d")),
        ),
        (
            "thera state -d prod rm a.b",
            Command(kind=CommandKind.STATE_RM, target=Target(dir="prod"), arguments=("a.b",)),
        ),
        (
            "thera approve_policies --policy-set costs -p app",
            Command(kind=CommandKind.APPROVE_POLICIES, target=Target(project="app"), policy_set="costs"),
        ),
        (
            "thera approve_policies --clear-policy-approval",
            Command(kind=CommandKind.APPROVE_POLICIES, clear_approval=True),
        ),
        ("thera apply --auto-merge-disabled", Command(kind=CommandKind.APPLY, automerge=False)),
        ("thera apply --auto-merge-method squash", Command(kind=CommandKind.APPLY, merge_method="squash")),
        ("thera plan -d 'modules/*'", Command(kind=CommandKind.PLAN, target=Target(dir="modules/*"))),
    ],
)
def test_what_atlantis_can_be_told_is_understood(body: str, command: Command) -> None:
    assert understood(body) == command


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("thera import", "wants `ADDRESS ID`, and I found nothing"),
        ("thera import a.b", "wants `ADDRESS ID`, and I found `a.b`"),
        ("thera import a b c", "and I found `a`, `b` and `c`"),
        ("thera import a.b -chdir=/", "Terraform's"),
        ("thera import a.b i-1 -- -chdir=/", "may not be given to Terraform"),
        ("thera import 'a\x07' i-1", "cannot be seen"),
        ("thera state", "and nothing follows it"),
        ("thera state list", "not `list`"),
        ("thera state rm", "wants `ADDRESS…`, and I found nothing"),
        ("thera apply --auto-merge-disabled --auto-merge-method merge", "says not to merge"),
        ("thera apply --auto-merge-method fastest", "it is one of merge, squash, rebase"),
        ("thera plan --policy-set x", "does not know"),
    ],
)
def test_what_is_missing_or_too_much_is_said(body: str, words: str) -> None:
    assert words in answer(body)


@pytest.mark.parametrize(
    ("pattern", "inside", "outside"),
    [
        ("modules/*", ["modules/a"], ["modules", "modules/a/b", "other/a"]),
        ("**/prod", ["prod", "a/prod", "a/b/prod"], ["a/prod/b", "nprod"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/bb", "b"]),
        ("env-?", ["env-1"], ["env-12", "env-"]),
        ("env-[ab]/x", ["env-a/x"], ["env-c/x", "env-a/y"]),
        ("prod", ["prod"], ["prod/x", "nprod"]),
    ],
)
def test_a_directory_may_be_a_pattern_for_several(pattern: str, inside: list[str], outside: list[str]) -> None:
    target = Target(dir=pattern)
    assert [one for one in inside if not target.covers(ProjectKey(one))] == []
    assert [one for one in outside if target.covers(ProjectKey(one))] == []


def test_a_pattern_that_would_take_for_ever_is_done_at_once() -> None:
    assert not Target(dir="**/a/" * 60 + "b").covers(ProjectKey("a/" * 60 + "c"))


def test_terraform_is_not_our_name() -> None:
    assert answer("terraform plan") == snapshot("Did you mean `thera plan`? I answer to `thera`, not to `terraform`.")
    assert answer("tofu apply -target=a") == snapshot(
        "Did you mean `thera apply -- -target=a`? I answer to `thera`, not to `tofu`."
    )


def test_our_misspelt_name_is_guessed_beside_a_command() -> None:
    assert answer("teher plan -d x") == snapshot("Did you mean `thera plan -d x`? I answer to `thera`, not to `teher`.")
    assert understood("teher ready") == NotForUs()
    assert understood("tg plan", words=("tf",)) == NotForUs()
    assert "`thera plan`" in answer("/thera plan")


def test_an_unknown_flag_is_guessed() -> None:
    assert answer("thera plan --wrkspace x") == snapshot("""\
`plan` does not know `--wrkspace`. Did you mean `--workspace`?

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")
    assert "Did you mean `--dir`?" in answer("thera plan -dir prod")
    assert "Did you mean" not in answer("thera plan --zzz")


def test_dashes_made_by_telephones_are_recognised() -> None:
    assert "Did you mean `--verbose`?" in answer("thera plan \u2014verbose")
    assert answer("thera plan \u2014 -target=x") == snapshot("""\
`plan` does not know `—`. Did you mean `--` (two plain hyphens)?

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")


def test_flags_of_terraform_belong_after_the_dashes() -> None:
    assert answer("thera plan -destroy") == snapshot("""\
`plan` does not know `-destroy`. Did you mean `--destroy`?

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")


def test_a_word_alone_is_asked_whether_it_is_a_directory() -> None:
    assert answer("thera plan 'my prod'") == snapshot("""\
`plan` does not know `my prod`. For a directory, type `thera plan -d 'my prod'`; for a project's name, `thera plan -p 'my prod'`.

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")
    assert "`help` does not know" not in answer("thera help me")


def test_a_value_must_be_there() -> None:
    assert answer("thera plan -d") == snapshot("""\
`-d` needs a value: `-d DIR`.

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")
    assert "needs a value" in answer("thera plan --dir=")
    assert "needs a value" in answer("thera plan -d -w x")
    assert "takes no value" in answer("thera plan --verbose=yes")


def test_a_flag_is_given_once() -> None:
    assert answer("thera plan -d a --dir b") == snapshot("""\
`--dir` is given twice; a command is about one target, or about all.

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")
    assert "given twice" in answer("thera plan --verbose --verbose")


def test_a_project_is_not_narrowed_down_further() -> None:
    assert answer("thera plan -p a -w default") == snapshot("""\
`-p` already says directory and workspace, so `-d` and `-w` cannot stand beside it.

Usage: `thera plan [-d DIR] [-w WORKSPACE] [-p PROJECT] [--verbose] [--destroy] [-- TERRAFORM ARGUMENTS]`\
""")


@pytest.mark.parametrize("value", ["..", "../x", "a/../b", "/..", "*/../x", "a\x07b"])
def test_a_directory_lies_in_the_repository(value: str) -> None:
    assert "`-d` cannot be" in answer(f"thera plan -d '{value}'")


@pytest.mark.parametrize("value", ["a/b", "a\\b", "a..b", ".", "~a", "a$b", "a b", "a\x07b"])
def test_a_workspace_has_a_proper_name(value: str) -> None:
    assert "`-w` cannot be" in answer(f"thera plan -w '{value}'")
    assert "`-w` cannot be" in answer("thera plan --workspace=-a")


@pytest.mark.parametrize("value", ["a b", "a\x07b"])
def test_a_project_has_a_proper_name(value: str) -> None:
    assert "`-p` cannot be" in answer(f"thera plan -p '{value}'")


@pytest.mark.parametrize("argument", ["-chdir=/", "--chdir", "-plugin-dir=x", "--plugin-dir=x"])
def test_arguments_that_move_terraform_elsewhere_are_refused(argument: str) -> None:
    assert "may not be given to Terraform" in answer(f"thera plan -- {argument}")


def test_which_arguments_are_refused_can_be_chosen() -> None:
    said = parse("thera plan -- -lock=false", words=["thera"], login="", blocked_extra_args=["-lock"])

    assert said == snapshot(
        Mistake(
            answer="`-lock=false` may not be given to Terraform in a comment: it would change where or with what Terraform runs."
        )
    )
    assert isinstance(parse("thera plan -- -chdir=x", words=["thera"], login="", blocked_extra_args=[]), Command)


def test_an_apply_is_not_narrowed_down_by_terraform() -> None:
    assert answer("thera apply -- --target=x") == snapshot(
        "`--target=x` may not be given to Terraform in a comment: what is applied is the plan that was reviewed; give it to `plan`."
    )
    assert isinstance(understood("thera apply -- -parallelism=2 target"), Command)


def test_a_line_that_cannot_be_read_is_said_to_be_so() -> None:
    assert answer("thera plan 'x") == snapshot("I cannot read `plan 'x`. A quote is opened and never closed.")
    assert answer("thera plan \\") == snapshot("I cannot read `plan \\`. It ends in a backslash.")


def test_what_is_echoed_cannot_mention_or_hide_anything() -> None:
    assert answer("thera `@everyone`<!--x-->|</details>") == snapshot(
        "There is no command `` `@everyone`<!- -x- ->|</details> ``. I know `plan`, `apply`, `approve_policies`, `import`, `state rm`, `unlock`, `cancel`, `version`, `explain` and `help`; `thera help` explains them."
    )


def test_without_words_the_name_is_thera() -> None:
    assert parse("thera plan", words=[], login="") == PLAN
    assert parse("@ plan", words=[], login="") == NotForUs()


def test_words_are_compared_without_case() -> None:
    assert parse("tf plan", words=["TF"], login="") == PLAN


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [("", "", 0), ("a", "", 1), ("", "ab", 2), ("plan", "plna", 1), ("thera", "terra", 2), ("kitten", "sitting", 3)],
)
def test_the_distance_of_words_counts_slips(one: str, other: str, distance: int) -> None:
    assert edit_distance(one, other) == distance


lines = st.lists(
    st.one_of(
        st.sampled_from(
            ["thera", "plan", "apply", "-d", "-w", "-p", "--", "x", "'", "\\", "`", "```", ">", "\n", "help"]
        ),
        st.sampled_from([*FORMS, "--dir=", "-wx", "--verbose", "terraform", "@thera-bot", "/plan", "-h"]),
        st.text(max_size=8),
    ),
    max_size=8,
).map(" ".join)


@given(st.one_of(st.text(), lines, lines.map("thera ".__add__)))
@example("thera plan \ud800")
@example("thera plan -d \x00")
def test_no_text_is_too_strange(body: str) -> None:
    assert isinstance(understood(body), (Command, Mistake, NotForUs))


@given(lines, st.sampled_from(["thera plan", "apply", "@thera-bot unlock"]), st.integers(3, 6))
def test_nothing_in_a_fence_is_a_command(noise: str, command: str, ticks: int) -> None:
    fence = "`" * ticks

    assert not isinstance(understood(f"{fence}\n{command}\n{fence}"), Command)
    assert not isinstance(understood(f"{fence}sh\n{noise}\n{command}\n{fence}"), Command)


@given(lines)
def test_nothing_in_a_quote_is_a_command(noise: str) -> None:
    quoted = "\n".join(f"> {line}" for line in (noise + "\nthera apply").splitlines())

    assert understood(quoted) == NotForUs()


@given(st.text(alphabet="`@<>!-|[]()#*_ab\n", max_size=30))
def test_no_answer_repeats_what_could_do_harm(noise: str) -> None:
    said = understood(f"thera x{noise}")

    if isinstance(said, Mistake):
        assert "<!--" not in said.answer
        assert "-->" not in said.answer


def test_help_is_about_one_command() -> None:
    assert answer("thera help me") == answer("thera me")


@pytest.mark.parametrize(
    "body",
    [
        "thera plan -p a\nthera apply -p a",
        "@thera-bot apply\n\nplease",
        "thera plan\n> thera plan",
        "thera plan\u2028thera apply",
    ],
)
def test_a_command_that_has_company_is_not_obeyed_and_told_so(body: str) -> None:
    said = parse(body, words=("thera",), login="thera-bot")

    assert isinstance(said, Mistake)
    assert "for several commands, write several comments" in said.answer


@pytest.mark.parametrize(
    "body", ["thera is great\nreally", "> thera plan\n\nwhy?", "hello\nthera plan", "```\nthera plan\n```"]
)
def test_conversation_of_several_lines_stays_conversation(body: str) -> None:
    assert parse(body, words=("thera",), login="thera-bot") == NotForUs()


def test_why_is_asked_of_one_project_or_of_all() -> None:
    assert parse("thera explain", words=("thera",), login="") == Command(kind=CommandKind.EXPLAIN)
    assert parse("thera explain -p web", words=("thera",), login="") == Command(
        kind=CommandKind.EXPLAIN, target=Target(project="web")
    )


def test_why_may_be_asked_whatever_is_switched_on() -> None:
    assert parse("thera explain", words=("thera",), login="", allowed=("plan",)) == Command(kind=CommandKind.EXPLAIN)
