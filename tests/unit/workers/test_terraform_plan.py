"""A plan's JSON, recorded from a real Terraform, in the form that people review."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.protocol.results import Action, AttributeChange, Counts, ResourceChange
from workers.steps.variables import escaped
from workers.terraform.output import applied, without_refresh
from workers.terraform.plan_json import plan_digest, sensitive_values, summarise

SAMPLE = Path(__file__).parents[2] / "samples" / "plans" / "everything.json"


@pytest.fixture
def plan() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return document


def of(plan: dict[str, Any], name: str) -> ResourceChange:
    return next(one for one in summarise(plan).resources if one.address == f"terraform_data.{name}")


def update(before: Any, after: Any, **marks: Any) -> dict[str, Any]:
    change = {"actions": ["update"], "before": before, "after": after, **marks}
    return {"resource_changes": [{"address": "a.b", "type": "a", "change": change}]}


def attributes(plan: dict[str, Any]) -> tuple[AttributeChange, ...]:
    return summarise(plan).resources[0].attributes


def test_each_resource_counts_once_and_a_replaced_one_only_as_replaced(plan: dict[str, Any]) -> None:
    assert summarise(plan).counts == Counts(
        add=2, change=2, replace=1, destroy=1, imported=1, moved=1, forgotten=1, outputs=2
    )


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("created[0]", Action.CREATE),
        ("changed", Action.UPDATE),
        ("replaced", Action.REPLACE),
        ("deleted", Action.DELETE),
        ("new_name", Action.MOVE),
        ("imported", Action.IMPORT),
        ("forgotten", Action.FORGET),
    ],
)
def test_every_action_is_recognised(plan: dict[str, Any], name: str, action: Action) -> None:
    assert of(plan, name).action is action


def test_what_does_not_change_is_not_listed(plan: dict[str, Any]) -> None:
    assert "terraform_data.same" not in {one.address for one in summarise(plan).resources}


def test_only_the_leaves_that_differ_are_listed(plan: dict[str, Any]) -> None:
    changed = of(plan, "changed").attributes

    assert [one.path for one in changed] == ["input.list[1]", "input.size", "output"]
    assert (changed[1].before, changed[1].after) == ("1", "2")
    assert changed[2].unknown


def test_a_replacement_says_what_forces_it_and_how_it_is_done(plan: dict[str, Any]) -> None:
    replaced = of(plan, "replaced")

    assert replaced.replace_paths == ("triggers_replace",)
    assert [one.path for one in replaced.attributes if one.forces_replacement] == ["triggers_replace[0]"]
    assert replaced.create_before_destroy
    assert "cannot change it in place" in replaced.reason


def test_a_move_and_an_import_say_from_where(plan: dict[str, Any]) -> None:
    assert of(plan, "new_name").previous_address == "terraform_data.old_name"
    assert of(plan, "imported").import_id == "imported-id"


def test_sensitive_attributes_and_outputs_carry_no_value(plan: dict[str, Any]) -> None:
    token = next(one for one in of(plan, "secret").attributes if one.path == "input.token")
    output = next(one for one in summarise(plan).outputs if one.name == "secret")

    assert (token.sensitive, token.before, token.after) == (True, None, None)
    assert (output.sensitive, output.before, output.after) == (True, None, None)


def test_a_failed_check_is_a_warning_with_its_words(plan: dict[str, Any]) -> None:
    (check,) = summarise(plan).checks

    assert (check.address, check.summary) == ("check.size", "The size is too large.")


def test_sensitive_values_are_found_for_the_redactor(plan: dict[str, Any]) -> None:
    assert sensitive_values(plan) == {"first-secret-value", "second-secret-value"}


def test_a_sensitive_value_below_something_unknown_is_not_carried() -> None:
    plan = update({"x": {"a": "hush"}}, {}, before_sensitive={"x": {"a": True}}, after_unknown={"x": True})

    assert attributes(plan) == (AttributeChange(path="x", sensitive=True, unknown=True),)


def test_a_sensitive_subtree_is_masked_as_a_whole() -> None:
    plan = update({"x": {"a": "hush"}}, {"x": {"a": "quiet", "b": ["still"]}}, after_sensitive={"x": True})

    assert attributes(plan) == (AttributeChange(path="x", sensitive=True),)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, str):
        yield value


_values = st.recursive(
    st.just("SECRET") | st.none() | st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def _marks(value: Any) -> Any:
    """Mark exactly the secrets, as Terraform does."""
    if isinstance(value, dict):
        return {key: mark for key, one in value.items() if (mark := _marks(one))}
    if isinstance(value, list):
        return [_marks(one) or False for one in value]
    return value == "SECRET"


@given(before=st.dictionaries(st.sampled_from("abc"), _values), after=st.dictionaries(st.sampled_from("abc"), _values))
def test_whatever_is_marked_sensitive_never_gets_out(before: dict[str, Any], after: dict[str, Any]) -> None:
    plan = update(before, after, before_sensitive=_marks(before), after_sensitive=_marks(after))

    assert "SECRET" not in str(summarise(plan))


def test_null_against_empty_is_no_drift() -> None:
    drift = [
        {"address": "a.noise", "change": {"before": {"tags": None}, "after": {"tags": {}}}},
        {"address": "a.real", "change": {"before": {"tags": None}, "after": {"tags": {"a": "b"}}}},
        {"address": "a.gone", "change": {"before": {"id": "1"}, "after": None}},
    ]

    assert summarise({"resource_drift": drift}).drifted == ("a.real", "a.gone")


def test_a_deferred_change_is_listed_and_not_counted(plan: dict[str, Any]) -> None:
    change = copy.deepcopy(plan["resource_changes"][0])
    change["address"] = "terraform_data.later"
    plan["deferred_changes"] = [{"reason": "provider_config_unknown", "resource_change": change}]

    assert of(plan, "later").deferred
    assert summarise(plan).counts.change + summarise(plan).counts.add == 4


def test_a_giant_plan_is_cut_and_says_so() -> None:
    one = {"type": "a", "change": {"actions": ["create"], "before": None, "after": {"x": "y" * 5000}}}
    summary = summarise({"resource_changes": [{**one, "address": f"a.b{number}"} for number in range(3000)]})

    assert summary.counts.add == 3000
    assert summary.omitted == 3000 - len(summary.resources) > 0
    assert len(summary.resources[0].attributes[0].after or "") < 2100


def test_a_digest_is_of_the_meaning_alone(plan: dict[str, Any]) -> None:
    other = {**plan, "timestamp": "2000-01-01T00:00:00Z", "terraform_version": "9.9.9"}

    assert plan_digest(other) == plan_digest(plan)


def test_another_value_is_another_digest(plan: dict[str, Any]) -> None:
    other = json.loads(json.dumps(plan).replace('"moved"', '"removed"'))

    assert plan_digest(other) != plan_digest(plan)


def test_an_apply_s_words_are_read() -> None:
    text = (
        'a.b["x y"]: Creating...\na.b["x y"]: Creation complete after 0s [id=1]\n\nApply complete! Resources: 1 added.'
    )

    assert applied(text).completed == ('a.b["x y"]',)
    assert applied(text).summary == "1 added"


def test_what_is_said_while_refreshing_is_left_out() -> None:
    assert without_refresh("a.b: Refreshing state... [id=1]\ndata.c: Read complete after 0s\n\nPlan: 1") == "Plan: 1"


def test_comment_arguments_are_spelled_as_atlantis_does() -> None:
    assert escaped(("-a", "b")) == r"\-\a,\b"
