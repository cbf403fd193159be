"""Attributes before and after, as people read them."""

import json

import pytest
from inline_snapshot import snapshot

from server.comments.diff import LINES_PER_RESOURCE, attribute_lines, resource_lines
from workers.protocol.results import Action, AttributeChange, ResourceChange


def shown(**values: object) -> str:
    return "\n".join(attribute_lines(AttributeChange(path="a", **values)))  # type: ignore[arg-type]


def test_short_values_stand_side_by_side() -> None:
    assert shown(before="1", after="2", forces_replacement=True) == "!   a: 1 → 2  # forces replacement"
    assert shown(before='"x"', unknown=True) == '!   a: "x" → (known after apply)'
    assert shown(sensitive=True) == "!   a: (sensitive)"


def test_a_value_that_appears_or_goes_has_its_sign() -> None:
    assert shown(after="true") == "+   a: true"
    assert shown(before="true") == "-   a: true"
    assert shown(unknown=True) == "+   a: (known after apply)"


def test_long_texts_are_compared_line_by_line() -> None:
    before = "\n".join(["#!/bin/sh", "-- keep", *(f"echo line {number}" for number in range(9))])

    text = shown(before=json.dumps(before), after=json.dumps(before.replace("line 4", "line four")))

    assert text == snapshot("""\
!   a:
@@ -5,5 +5,5 @@
      echo line 2
      echo line 3
-     echo line 4
+     echo line four
      echo line 5
      echo line 6\
""")


def test_a_line_that_begins_with_signs_is_not_lost() -> None:
    before = json.dumps("-- a comment of SQL\nselect 1\nfrom something_with_a_long_name\n")

    assert "-     -- a comment of SQL" in shown(before=before, after=before.replace("-- a", "++ the"))


def test_documents_are_spread_out_even_within_a_string() -> None:
    document = json.dumps({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::a-bucket-with-a-long-name"})

    assert (
        shown(after=document)
        == shown(after=json.dumps(document))
        == snapshot("""\
+   a:
+     {
+       "Action": "s3:GetObject",
+       "Resource": "arn:aws:s3:::a-bucket-with-a-long-name"
+     }\
""")
    )


def test_long_values_on_one_line_stand_below_each_other() -> None:
    assert shown(before=f'"{"x" * 70}"', after=f'"{"y" * 70}"') == snapshot("""\
!   a:
-     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
+     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"\
""")


@pytest.mark.parametrize(
    "value", ["{not json at all, but quite long, longer than what fits side by side", '"' + "\\n" * 70 + '"']
)
def test_any_text_is_shown(value: str) -> None:
    assert shown(after=value).startswith("+   a:")


def test_an_endless_value_says_how_long_it_is() -> None:
    assert shown(after=f'"{"x" * 5000}"').endswith("x… (5002 characters)")


def test_an_endless_resource_says_how_much_is_missing() -> None:
    attributes = tuple(AttributeChange(path=str(number), after="1") for number in range(500))

    lines = resource_lines(ResourceChange(address="a.b", type="a", action=Action.CREATE, attributes=attributes))

    assert len(lines) == LINES_PER_RESOURCE + 1
    assert lines[-1] == "  … 351 more lines"
