"""An Atlantis server's configuration, read from where it stands."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.atlantis.flags import BY_VARIABLE, FLAGS
from server.atlantis.outcomes import Kind, Value
from server.atlantis.reading import Configuration, read
from server.config.loading import ConfigMistaken


class Place:
    """A folder with a configuration file and an env file."""

    def __init__(self, folder: Path) -> None:
        self.config, self.env = folder / "config.yaml", folder / "atlantis.env"

    def read(self, *words: str, config: str | None = None, env: str | None = None) -> Configuration:
        for path, text in ((self.config, config), (self.env, env)):
            if text is not None:
                path.write_text(text, encoding="utf-8")
        return read(
            config=None if config is None else self.config, env_file=None if env is None else self.env, words=words
        )

    def mistakes(self, *words: str, config: str | None = None, env: str | None = None) -> list[str]:
        with pytest.raises(ConfigMistaken) as caught:
            self.read(*words, config=config, env=env)
        return [str(one).replace(f"{self.config.parent}/", "") for one in caught.value.mistakes]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def values(configuration: Configuration) -> dict[str, Value]:
    return {name: one.value for name, one in configuration.given.items()}


def test_flags_win_over_variables_and_variables_over_the_file(place: Place) -> None:
    config = "port: 1\ngh-user: file\nlog-level: debug\n"
    found = place.read("--port=3", config=config, env="ATLANTIS_PORT=2\nATLANTIS_GH_USER=env\n")

    assert values(found) == {"port": 3, "gh-user": "env", "log-level": "debug"}
    assert found.given["port"].place == "command line"
    assert found.given["gh-user"].place == f"{place.env}:2"
    assert found.given["log-level"].place == f"{place.config}:3"


def test_what_was_not_given_is_atlantis_s_default(place: Place) -> None:
    found = place.read("--gh-user", "bot")

    assert found.value("gh-user") == "bot"
    assert found.value("tf-download") is True
    assert found.value("repo-allowlist") is None


def test_an_env_file_may_be_written_for_docker_compose_systemd_or_a_shell(place: Place) -> None:
    env = """\
# a comment
; systemd's comment
;ATLANTIS_PORT=1

export ATLANTIS_GH_USER=bot   # who
ATLANTIS_GH_TOKEN='it$elf#"'
ATLANTIS_WEB_PASSWORD="a \\"b\\""
ATLANTIS_GH_APP_KEY="-----BEGIN
-----END"
ATLANTIS_REPO_ALLOWLIST=github.com/acme/*,!github.com/acme/x
AWS_REGION=eu-central-1
"""
    found = place.read(env=env)

    assert values(found) == {
        "gh-user": "bot",
        "gh-token": 'it$elf#"',
        "web-password": 'a "b"',
        "gh-app-key": "-----BEGIN\n-----END",
        "repo-allowlist": "github.com/acme/*,!github.com/acme/x",
    }
    assert found.given["gh-user"].place.endswith(":5")
    assert found.given["repo-allowlist"].place.endswith(":10")
    assert found.foreign == ("AWS_REGION",)


def test_an_empty_variable_is_not_set_but_an_empty_flag_is(place: Place) -> None:
    assert values(place.read("--vcs-status-name=", env="ATLANTIS_GH_USER=\n")) == {"vcs-status-name": ""}


def test_what_a_cluster_says_of_a_service_named_atlantis_is_left_alone(place: Place) -> None:
    env = "ATLANTIS_PORT=tcp://10.0.0.1:4141\nATLANTIS_SERVICE_HOST=10.0.0.1\nATLANTIS_PORT_4141_TCP_ADDR=10.0.0.1\n"

    assert values(place.read(env=env)) == {}


def test_the_file_s_values_may_be_numbers_truth_values_or_text(place: Place) -> None:
    config = (
        'Port: "80"\ndefault-tf-version: 1.10\nautomerge: true\nautoplan-modules: "false"\ngh-app-id: 12\ngh-org:\n'
    )

    assert values(place.read(config=config)) == {
        "port": 80,
        "default-tf-version": "1.10",
        "automerge": True,
        "autoplan-modules": False,
        "gh-app-id": 12,
    }


def test_outgoing_webhooks_stand_in_the_file_alone(place: Place) -> None:
    assert values(place.read(config="webhooks:\n- event: apply\n  kind: slack\n")) == {
        "webhooks": '[{"event": "apply", "kind": "slack"}]'
    }
    assert place.mistakes("--webhooks=x")[0].startswith("command line: --webhooks: Atlantis has no such flag")


def test_flags_may_be_pasted_with_the_command(place: Place) -> None:
    found = place.read("atlantis", "server", "--automerge", "--port", "80", "--tf-download=false", "--gh-user=a=b")

    assert values(found) == {"automerge": True, "port": 80, "tf-download": False, "gh-user": "a=b"}


def test_every_mistake_is_told_at_once_with_its_place(place: Place) -> None:
    found = place.mistakes(
        "--gh-usr=x",
        "--automerge",
        "false",
        config="port: many\nautomerge: [1]\nrepo-whitelist: x\n",
        env="ATLANTIS_AUTOMREGE=true\nATLANTIS_PORT\nATLANTIS_AUTOPLAN_MODULES=yes\n",
    )

    assert found == [
        "config.yaml:3: repo-whitelist: Atlantis has no such flag; did you mean `repo-allowlist`?",
        "atlantis.env:1: ATLANTIS_AUTOMREGE: Atlantis has no such variable; did you mean `ATLANTIS_AUTOMERGE`?",
        "atlantis.env:2: ATLANTIS_PORT: has no value: write it here, or leave the line out",
        "command line: --gh-usr: Atlantis has no such flag; did you mean `gh-user`?",
        "command line: word 3 is no flag; write --name=value, and a switch that is off as --name=false",
        "config.yaml:1: port: expected a whole number; found 'many'",
        "config.yaml:2: automerge: expected true or false; found a list",
        "atlantis.env:3: ATLANTIS_AUTOPLAN_MODULES: expected true or false; found 'yes'",
    ]


def test_a_file_that_cannot_be_read_is_a_mistake(place: Place) -> None:
    with pytest.raises(ConfigMistaken) as caught:
        read(config=place.config, env_file=place.env, words=())

    assert [one.message for one in caught.value.mistakes] == ["cannot be read: No such file or directory"] * 2


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("- port\n", "config.yaml:1: expected a mapping of flags to values, such as `port: 4141`"),
        ("port: 1\nport: 2\n", "config.yaml:2: port: this key is here a second time"),
        ("port: {a\n", "config.yaml:2: not valid YAML"),
    ],
)
def test_a_file_of_another_form_is_a_mistake(place: Place, config: str, told: str) -> None:
    assert place.mistakes(config=config)[0].startswith(told)


def test_a_flag_does_not_swallow_the_next_one(place: Place) -> None:
    assert place.mistakes("--gh-user", "--gh-token=planted") == ["command line: --gh-user: needs a value"]
    assert place.mistakes("--gh-token") == ["command line: --gh-token: needs a value"]


def test_of_two_flags_that_exclude_each_other_one_may_be_set(place: Place) -> None:
    found = place.mistakes("--repo-config=x", '--repo-config-json={"repos": []}')

    assert found == ["command line: --repo-config-json: --repo-config is set as well; set one of the two"]


@pytest.mark.parametrize("text", ["{planted", "[]", '{"repos": 1}'])
def test_json_that_is_no_server_file_is_a_mistake_that_does_not_repeat_it(place: Place, text: str) -> None:
    (found,) = place.mistakes(f"--repo-config-json={text}")

    assert "JSON" in found
    assert "planted" not in found


@pytest.mark.parametrize(
    ("words", "config", "env"),
    [
        ((), "gh-token: *planted\n", None),
        ((), "gh-token: !planted x\n", None),
        ((), 'gh-token: "\\planted"\n', None),
        ((), "gh-token: [planted]\n", None),
        ((), "gh-token: 'planted\n", None),
        ((), None, 'ATLANTIS_GH_TOKEN="planted\n'),
        ((), None, "ATLANTIS_GH_TOKEN planted\n"),
        ((), None, "ATLANTIS_GH_TOKNE=planted\n"),
        (("--gh-tokne=planted",), None, None),
        (("--gh-token", "x", "planted"), None, None),
    ],
)
def test_no_mistake_shows_a_secret(place: Place, words: tuple[str, ...], config: str | None, env: str | None) -> None:
    found = place.mistakes(*words, config=config, env=env)

    assert found
    assert "planted" not in "\n".join(found)


def test_a_configuration_does_not_print_its_secrets(place: Place) -> None:
    assert "planted" not in repr(place.read("--gh-token=planted"))


SPELLED = st.one_of(
    st.tuples(st.sampled_from([f.name for f in FLAGS.values() if f.kind is Kind.BOOL]), st.booleans()),
    st.tuples(st.sampled_from([f.name for f in FLAGS.values() if f.kind is Kind.INT]), st.integers(0, 10**9)),
    st.tuples(
        st.sampled_from([f.name for f in FLAGS.values() if f.kind is Kind.TEXT and f.name != "repo-config-json"]),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text == text.strip()),
    ),
)


@given(st.dictionaries(st.sampled_from("abc"), SPELLED))
@settings(max_examples=60)
def test_a_value_is_the_same_as_a_flag_and_as_a_variable(
    tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, tuple[str, Value]]
) -> None:
    wanted = dict(chosen.values())
    for one, other in (("gh-app-key", "gh-app-key-file"), ("gh-token", "gh-token-file")):
        if one in wanted:
            wanted.pop(other, None)
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in wanted.items()}
    place = Place(tmp_path_factory.mktemp("any"))
    quoted = (
        f"{FLAGS[name].variable}='{text.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'\n"
        for name, text in texts.items()
    )

    assert values(place.read(*(f"--{name}={text}" for name, text in texts.items()))) == wanted
    assert values(place.read(env="".join(quoted))) == wanted


def test_every_variable_is_known_by_its_flag(place: Place) -> None:
    switches = [flag for flag in BY_VARIABLE.values() if flag.kind is Kind.BOOL]
    found = place.read(env="".join(f"{flag.variable}=true\n" for flag in switches))

    assert values(found) == dict.fromkeys((flag.name for flag in switches), True)
