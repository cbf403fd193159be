"""Five projects, each fed by the outputs of the one before, on real Terraform with real states."""

from collections.abc import Callable, Mapping

import pytest

from tests.support.installation import Installation

Install = Callable[..., Installation]
pytestmark = [pytest.mark.terraform, pytest.mark.slow]

FIVE = ("a", "b", "c", "d", "e")
CONFIG = "version: 3\nprojects:\n" + "".join(
    f"- {{dir: {name}, name: {name}, depends_on: [{before}]}}\n"
    for name, before in zip(FIVE, ("", *FIVE[:-1]), strict=True)
)


def link(thera: Installation, name: str, before: str, *, content: str) -> str:
    """Write one project: it reads what the one before puts out, and puts out something of its own."""
    own = f'output "said" {{\n  value = "{name}"\n}}\n'
    if not before:
        return thera.lab(name, content=content) + own
    address = f"{thera.forge.url}/state/{before}"
    heard = (
        f'data "terraform_remote_state" "before" {{\n  backend = "http"\n  config = {{ address = "{address}" }}\n}}\n'
        'resource "terraform_data" "heard" {\n  input = data.terraform_remote_state.before.outputs.said\n}\n'
    )
    return thera.lab(name, content=content) + heard + own


def chain(thera: Installation, *, content: str) -> Mapping[str, str]:
    before = ("", *FIVE[:-1])
    code = {f"{name}/main.tf": link(thera, name, one, content=content) for name, one in zip(FIVE, before, strict=True)}
    return {"thera.yaml": CONFIG, **code}


def test_a_chain_is_built_link_by_link_and_then_changed_by_one_command(one_box: Install) -> None:
    thera = one_box()
    pull = thera.open_pull(chain(thera, content="1"))
    thera.wait_for_comment(pull, "**failed in 4 of 5 projects**")  # nothing to read yet from those before
    for name in FIVE:
        asked = thera.comment(pull, "thera apply")
        thera.wait_for_comment(pull, "Appl", '"outcome":"succeeded"', after=asked)
        assert thera.operations(name) == ["create"]
    thera.merge(pull)
    thera.wait_until(lambda: True if not thera.locked() else None, "the locks to be released")

    change = thera.open_pull(chain(thera, content="2"), branch="again")
    thera.wait_for_comment(change, "### Plan:", '"outcome":"succeeded"')
    before = len(thera.jobs("plan"))
    asked = thera.comment(change, "thera apply")
    thera.wait_for_comment(change, "### Applied", '"outcome":"succeeded"', after=asked)

    assert [job["project_name"] for job in thera.jobs("plan")][before:] == ["b", "c", "d", "e"]
    assert [thera.operations(name) for name in FIVE] == [["create", "update"]] * 5
