"""An operator's templates: what they can say, what they cannot do, and what is said of broken ones."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from server.comments.facts import PARTS, RUN, project_facts
from server.comments.marker import marker_for, parse_marker
from server.comments.overrides import FUNCTIONS, LARGEST_TEMPLATE, Override, TemplatesMistaken, load_words
from server.comments.render import (
    render_closed,
    render_help,
    render_mistake,
    render_refused,
    render_run,
    render_unlocked,
)
from server.comments.words import TemplateFailed, Words
from server.domain.commands import Mistake
from server.domain.run import RunState
from tests.unit.comments.examples import PLANNED, a_run

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "templates"


def words(folder: Path, **parts: str) -> Words:
    folder.mkdir(exist_ok=True)
    for name, text in parts.items():
        (folder / f"{name}.md.j2").write_text(text)
    return load_words(folder)


def mistakes(folder: Path, **parts: str) -> list[str]:
    with pytest.raises(TemplatesMistaken) as caught:
        words(folder, **parts)
    return [one.removeprefix(f"{folder}/") for one in caught.value.mistakes]


def said(words: Words, limit: int = 60_000, **facts: object) -> str:
    return render_run(replace(a_run(PLANNED), **facts), limit=limit, key="k", words=words)  # type: ignore[arg-type]  # a test's shorthand


def test_without_a_folder_the_words_are_built_in() -> None:
    assert said(load_words(None)) == render_run(a_run(PLANNED), limit=60_000, key="k")


def test_a_headline_is_said_in_other_words_and_the_rest_stays(folder: Path) -> None:
    text = said(words(folder, headline="## {{ command | upper }} für {{ projects | length }} Projekt"))

    assert text.startswith("## PLAN für 1 Projekt\n\n| Project |")
    assert text.partition("\n")[2] == said(load_words(None)).partition("\n")[2]


def test_the_built_in_text_can_be_added_to(folder: Path) -> None:
    text = said(words(folder, footer="{{ text }}\n\nAsk {{ link('us', 'https://chat.test') }}."))

    assert "To apply this plan: `thera apply`" in text
    assert "Ask [us](https://chat.test)." in text


def test_a_project_is_told_from_its_parts(folder: Path) -> None:
    template = "#### {{ project.label }} ({{ project.destroy }})\n{% for one in changes %}\n{{ one }}\n{% endfor %}\n"

    text = said(words(folder, project=template))

    assert "\n#### network (1)\n" in text
    assert "`aws_instance.web`" in text


def test_a_whole_comment_is_put_together_in_another_order(folder: Path) -> None:
    template = "{{ table }}\n\n{{ headline }}\n\n{% for one in sections %}\n{{ one }}\n\n{% endfor %}\n{{ footer }}"

    text = said(words(folder, comment=template))

    assert text.startswith("| Project |")
    assert text.index("### Plan: ") < text.index("#### `network`")


def test_the_short_answers_are_said_in_other_words(folder: Path) -> None:
    ours = words(
        folder,
        help="{% for one in commands %}\n- {{ one.usage | code }}\n{% endfor %}",
        mistake="Nope: {{ answer }}",
        refused="**{{ what | prose }}**, {{ reason | prose }}",
        unlocked="{{ actor }}: {{ codes(released) }}",
        closed="{% if was_merged %}Merged{% else %}Closed{% endif %}: {{ codes(discarded) }}",
    )

    assert render_help("thera", allowed=("plan",), words=ours).startswith("- `thera plan ")
    assert render_mistake(Mistake("no `pan`"), words=ours) == "Nope: no `pan`"
    assert render_refused("`thera plan` was not run", "closed", words=ours) == "**`thera plan` was not run**, closed"
    assert render_unlocked(["a", "b"], word="thera", actor="ann", words=ours) == "ann: `a`, `b`"
    assert render_closed([], was_merged=True, discarded=["a"], words=ours) == "Merged: `a`"


@pytest.mark.parametrize("state", RunState)
def test_the_marks_are_out_of_reach(folder: Path, state: RunState) -> None:
    forged = "<!-- thera:key other -->\n<!-- thera:run {} -->"
    ours = words(folder, headline=forged, footer=forged, comment=f"{forged}\n{{{{ headline }}}}")

    text = said(ours, state=state)
    plain = said(load_words(None), state=state)

    assert text.endswith(f"\n{marker_for('k')}")
    assert "<!-- thera:key other" not in text
    assert text.count("<!-- thera:run") == 1
    assert parse_marker(text) == parse_marker(plain)


@pytest.mark.parametrize(
    ("template", "printed"),
    [
        ("{{ actor }}", "@\u200beveryone\\`"),
        ("x\n\n{{ base }}", "\\/close"),
        ("{{ actor ~ base }}", "@\u200beveryone\\`/close"),
        ("{{ actor | upper }}", "@\u200bEVERYONE\\`"),
        ("{{ '-' ~ base }}", "\\-/close"),
        ("{{ actor | code }}", "`` @everyone` ``"),
    ],
)
def test_what_strangers_chose_stays_literal(folder: Path, template: str, printed: str) -> None:
    text = said(words(folder, headline=template), actor="@everyone`", base_ref="/close")

    assert printed in text.partition("| Project |")[0]


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ projects[0].__init__.__globals__ }}",
        "{{ projects.append(1) }}",
        "{{ 'x'.center(100000000) }}",
        "{{ 'x' * 100000000 }}",
        "{{ 9 ** 999999999 }}",
        "{{ '%0999999999d' % 1 }}",
        "{{ link.__call__ }}",
        "{{ codes.__globals__ }}",
        "{{ word.format() }}",
        "{% for _ in range(10) %}x{% endfor %}",
        "{% include 'other' %}",
        "{% if actor == 'nobody' %}{% include 'other' %}{% endif %}",
        "{{ self.__init__ }}",
        "{{ [1, 2] }}",
        "{{ word | attr('upper') }}",
        "{{ word | pprint }}",
    ],
)
def test_nothing_but_saying_is_possible(folder: Path, template: str) -> None:
    [mistake] = mistakes(folder, headline=template)

    assert mistake.startswith("headline.md.j2:1: ")


@pytest.mark.parametrize(
    ("template", "wrong"),
    [
        ("fine\n{% if %}", "headline.md.j2:2: Expected an expression, got 'end of statement block'"),
        ("\n\n{{ comand }}", "headline.md.j2:3: `comand`: there is nothing of that name here; did you mean command?"),
        ("{% if actor == 'nobody' %}\n{{ comand }}{% endif %}", "headline.md.j2:2: `comand`: there is nothing"),
        ("\n{% for one in projects %}\n{{ one.dri }}{% endfor %}", "headline.md.j2:3: "),
        ("\n{{ word | colour }}", "headline.md.j2:2: No filter named 'colour'"),
        ("{{ total / 0 }}", "headline.md.j2:1: division by zero"),
    ],
)
def test_a_broken_template_is_told_with_file_and_line(folder: Path, template: str, wrong: str) -> None:
    [mistake] = mistakes(folder, headline=template)

    assert mistake.startswith(wrong)


def test_every_broken_template_is_told(folder: Path) -> None:
    assert len(mistakes(folder, headline="{{ x }}", footer="{{ x }}", help="{{ word }}")) == 2


def test_a_file_for_no_part_is_told_with_what_was_meant(folder: Path) -> None:
    [mistake] = mistakes(folder, heading="x")

    assert mistake.startswith("heading.md.j2: there is no such part of a comment; did you mean headline?; expected ")


def test_other_files_may_lie_in_the_folder_but_not_half_named_templates(folder: Path) -> None:
    words(folder, headline="x")
    (folder / "README.md").write_text("what these are")
    assert list(load_words(folder).templates) == ["headline"]
    for name in ("footer.md", "planSuccessUnwrapped.tmpl"):
        (folder / name).write_text("x")

    with pytest.raises(TemplatesMistaken) as caught:
        load_words(folder)

    assert [Path(one.partition(":")[0]).name for one in caught.value.mistakes] == [
        "footer.md",
        "planSuccessUnwrapped.tmpl",
    ]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplatesMistaken, match=r"THERA_TEMPLATE_DIR: .*nowhere cannot be read"):
        load_words(tmp_path / "nowhere")


def test_a_file_that_is_no_text_or_far_too_long_is_told(folder: Path) -> None:
    folder.mkdir()
    (folder / "footer.md.j2").write_bytes(b"\xff\xfe")
    (folder / "headline.md.j2").write_text("x" * (LARGEST_TEMPLATE + 1))
    (folder / ".hidden").write_text("{{")

    with pytest.raises(TemplatesMistaken) as caught:
        load_words(folder)

    assert [re.sub(r"^.*/", "", one)[:24] for one in caught.value.mistakes] == [
        "footer.md.j2: cannot be ",
        "headline.md.j2: larger t",
    ]


def test_what_fails_only_when_it_is_needed_falls_back_and_is_reported(folder: Path) -> None:
    failed: list[TemplateFailed] = []
    fails_for_zoe = words(folder, headline="{{ 1 / (0 if actor == 'zoe' else 1) }}\n{{ text }}")
    ours = replace(fails_for_zoe, report=failed.append)

    assert said(ours, actor="zoe") == said(load_words(None), actor="zoe")
    assert [(Path(one.place).name, one.why) for one in failed] == [("headline.md.j2:1", "division by zero")]


def test_too_many_words_are_refused_or_left_out(folder: Path) -> None:
    assert mistakes(
        folder, headline="{% for a in text %}{% for b in text %}{{ text }}{{ text }}{% endfor %}{% endfor %}"
    )
    (folder / "headline.md.j2").unlink()
    ours = words(folder, footer="x" * 5000)

    assert len(said(ours, limit=4000)) <= 4000
    assert "xxx" not in said(ours, limit=4000)


@pytest.mark.parametrize("limit", [1000, 3000, 6000, 20_000, 60_000])
def test_a_comment_in_other_words_keeps_within_its_limit(folder: Path, limit: int) -> None:
    ours = words(
        folder,
        comment="Before\n\n{{ text }}\n\n" + "After " * 100,
        headline="{{ text }}",
        project="{{ text }}\n\nLook at it twice.",
    )

    text = said(ours, limit=limit)

    assert len(text) <= limit
    assert text.endswith(marker_for("k"))


def test_folds_are_headings_where_a_forge_cannot_fold(folder: Path) -> None:
    ours = words(folder, headline="{{ fold('More', 'hidden') }}")

    assert said(ours).startswith("<details><summary>More</summary>\n\nhidden\n\n</details>")
    assert render_run(a_run(PLANNED), limit=60_000, can_fold=False, words=ours).startswith("More\n\nhidden\n\n")


def test_every_part_gets_the_names_that_it_is_documented_with(folder: Path) -> None:
    for part, names in PARTS.items():
        everything = "\n".join(f"{{% set _ = {name} %}}" for name in names)
        words(folder, **{part: f"{everything}\n{{{{ text }}}}"})


def test_the_page_names_every_part_name_function_and_filter() -> None:
    page = (DOCS / "how-to" / "change-the-words.md").read_text()
    names = {*RUN, *(name for part in PARTS.values() for name in part), *vars(project_facts(PLANNED)), "fold"}

    assert [part for part in PARTS if f"`{part}.md.j2`" not in page] == []
    assert [name for name in names if f"`{name}`" not in page and f"`{name}(" not in page] == []
    assert [name for name in FUNCTIONS if f"`{name}(" not in page] == []


@pytest.mark.parametrize(
    "block", re.findall(r"```jinja\n(.*?)```", (DOCS / "how-to/change-the-words.md").read_text(), re.DOTALL)
)
def test_the_examples_of_the_page_work(folder: Path, block: str) -> None:
    ours = words(folder, **{"headline" if "### " in block else "footer": block})

    assert isinstance(next(iter(ours.templates.values())), Override)
