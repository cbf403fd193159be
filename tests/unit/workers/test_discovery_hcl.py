"""One file of code: its local modules are found, and what cannot be read is said in plain words."""

import threading
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.discovery.hcl import Problem, Reading, may_call_modules, read

SAMPLES = Path("tests/samples/hcl")


def sample(name: str) -> Reading:
    return read(name, (SAMPLES / name).read_bytes())


def problem(text: str | bytes, name: str = "main.tf") -> Problem:
    found = read(name, text.encode() if isinstance(text, str) else text).problem
    assert found is not None
    return found


def test_module_sources_are_found_in_difficult_code_and_only_there() -> None:
    assert sample("hard.tf") == Reading(sources=("../modules/net", "./local"))


def test_json_syntax_is_read_in_all_its_forms() -> None:
    assert sample("modules.tf.json") == Reading(sources=("../modules/net", "./dns"))


def test_repeated_names_in_json_all_count() -> None:
    text = b'{"module": {"a": {"source": "./a"}}, "module": {"b": {"source": "./b"}}}'

    assert read("main.tf.json", text).sources == ("./a", "./b")


def test_a_broken_file_is_a_problem_with_its_line_and_still_says_what_it_calls() -> None:
    assert sample("broken.tf") == Reading(
        sources=("../modules/net",),
        problem=Problem(
            summary="Invalid syntax: expected a value, found the end of the line", detail="cidr   =", line=3
        ),
        reads=("*",),
    )


def test_a_merge_conflict_is_recognised_and_both_sides_count() -> None:
    assert sample("conflict.tf") == Reading(
        sources=("../modules/net", "../modules/network"),
        problem=Problem(summary="Contains merge conflict markers", line=2),
        reads=("*",),
    )


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('resource "a" "b" {\n', 1, "expected `}`, found the end of the file"),
        ('x = "abc\n', 1, "expected a closing quote, found the end of the file"),
        ("a {\n b = [1, 2\n}\n", 3, "expected `,`, `]` or a new line, found `}`"),
        ("a = (1\n", 1, "expected `)`, found the end of the file"),
        ("a = @\n", 1, "expected a value, found `@`"),
        ('a = "${x"\n', 1, 'expected `}`, found `"`'),
        ("a = <<EOT\nabc\n", 1, "the heredoc `<<EOT` has no end"),
        ("a {}\n}\n", 2, "expected the end of the file, found `}`"),
        ("a {\r\n b =\r\n}\r\n", 2, "expected a value, found the end of the line"),
    ],
)
def test_syntax_errors_are_said_as_people_would(text: str, line: int, said: str) -> None:
    found = problem(text)

    assert found.summary == f"Invalid syntax: {said}"
    assert found.line == line
    assert found.severity == "error"


def test_invalid_json_is_said_with_its_line() -> None:
    found = problem('{\n  "module": {,}\n}', "main.tf.json")

    assert found.summary.startswith("Invalid JSON: Expecting property name")
    assert found.line == 2


def test_json_that_is_no_object_is_said_so() -> None:
    assert problem("3", "main.tf.json").summary == "Invalid JSON: expected an object at the top"


def test_text_that_is_not_utf_8_is_said_with_its_line() -> None:
    assert problem(b"# ok\n# t\xe9xt\n") == Problem(summary="Is not UTF-8 text", line=2)


def test_a_byte_order_mark_is_accepted() -> None:
    assert read("main.tf", b'\xef\xbb\xbfmodule "a" {\n  source = "./a"\n}\n') == Reading(sources=("./a",))


def test_windows_line_ends_are_accepted() -> None:
    assert read("main.tf", b'module "a" {\r\n  source = "./a"\r\n}\r\n').sources == ("./a",)


def test_a_file_that_lies_in_lfs_is_a_warning() -> None:
    found = problem("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n")

    assert found.severity == "warning"


def test_code_nested_beyond_reason_is_a_warning_not_a_crash() -> None:
    assert problem("[" * 200_000, "main.tf.json").severity == "warning"
    read("main.tf", ("a = " + "(" * 100_000 + "1" + ")" * 100_000).encode())


@pytest.mark.parametrize(
    "text",
    [
        "a = <<EOT\n" + "\n" * 1_000_000,
        "a = <<EOT\n" + (" \n" * 255) * 2_000,
        "a = " + "1+" * 900_000 + "1\n",
        "<<<<<<< x\n" * 200_000,
        "/*" * 1_000_000,
        'a = "' + "${" * 500_000,
        "module source = " * 100_000,
        "a {\n" * 60_000,
    ],
    ids=["blank heredoc", "long heredoc", "long sum", "markers", "comments", "templates", "sources", "blocks"],
)
def test_no_text_keeps_the_parser_busy_for_long(text: str) -> None:
    started = time.monotonic()

    read("main.tf", text.encode())

    assert time.monotonic() - started < 10


@given(st.binary(), st.sampled_from(["main.tf", "main.tf.json", "main.tofu"]))
def test_any_bytes_can_be_read(content: bytes, name: str) -> None:
    read(name, content)


FRAGMENTS = [
    "module",
    '"a"',
    "{",
    "}",
    "source",
    "=",
    '"./x"',
    "\n",
    "[",
    "]",
    "<<EOT\n",
    "EOT\n",
    "${",
    '"',
    "#",
    "\r",
]


@given(st.lists(st.sampled_from(FRAGMENTS)).map(" ".join))
@example('module "a" { source = "./x" }')
def test_anything_that_looks_like_code_can_be_read(text: str) -> None:
    reading = read("main.tf", text.encode())

    assert may_call_modules(text.encode()) or not reading.sources
    assert all(source.startswith(("./", "../")) for source in reading.sources)


def test_files_are_parsed_from_many_threads() -> None:
    found: list[Reading] = []
    threads = [threading.Thread(target=lambda: found.extend(sample("hard.tf") for _ in range(3))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [sample("hard.tf")] * 24
