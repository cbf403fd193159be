"""Flags of Atlantis about the server itself: addresses, storage, Terraform, access, and what it tells the outside."""

from server.atlantis.outcomes import (
    Becomes,
    Flag,
    Kind,
    NotNeeded,
    NotYet,
    PartOf,
    Replaced,
    Value,
    number,
    secret,
    switch,
    text,
)


def level(value: Value) -> str:
    """Spell a log level."""
    name = str(value).lower()
    return "warning" if name == "warn" else name


_TLS = Replaced(by="a reverse proxy", reason="Thera speaks HTTP. Let a proxy end TLS; see `THERA_TRUSTED_PROXY`.")
_REDIS = Replaced(
    by="THERA_DATABASE_URL",
    reason="Locks are rows of the database. Redis, where there are several servers, only carries nudges "
    "(`THERA_BROKER_URL`); nothing in it is worth keeping.",
)
_DRIFT = NotYet("Nothing looks for drift.", "Let a scheduled pipeline run `terraform plan -detailed-exitcode`.")
_DOWNLOADS = ("terraform_download_url",)
_DEFAULT = PartOf(settings=("terraform_distribution",), note="Where both are set, this one counts.")

STORAGE: tuple[Flag, ...] = (
    text(
        "data-dir",
        "~/.atlantis",
        Replaced(by="THERA_DATA_DIR", reason="Thera keeps other things there, and reads nothing of Atlantis's."),
    ),
    switch(
        "enable-external-stores",
        Replaced(
            by="THERA_ARTIFACT_URL",
            reason="Saved plans are encrypted, in a folder or a bucket (`s3://bucket/prefix`). "
            "`external_stores` of the server file has no effect.",
        ),
    ),
    text("locking-db-type", "boltdb", _REDIS),
    text("redis-cluster-addresses", "", _REDIS),
    number("redis-db", 0, _REDIS),
    text("redis-host", "", _REDIS),
    switch("redis-insecure-skip-verify", _REDIS),
    secret("redis-password", _REDIS),
    number("redis-port", 6379, _REDIS),
    switch("redis-tls-enabled", _REDIS),
    text("redis-username", "", _REDIS),
    text(
        "share-plan-dir",
        None,
        Replaced(by="THERA_ARTIFACT_URL", reason="Workers hand plans over through the server; they share no disk."),
    ),
)

CODE: tuple[Flag, ...] = (
    number("checkout-depth", 0, NotNeeded("Workers keep a mirror of each repository and fetch only what is new.")),
    text(
        "checkout-strategy",
        "branch",
        PartOf(key="checkout", note="`checkout: branch` or `checkout: merge`, for each repository."),
    ),
    text("default-tf-distribution", "terraform", _DEFAULT),
    text("default-tf-version", None, Becomes(setting="terraform_version")),
    switch(
        "enable-policy-checks",
        PartOf(
            key="policy_check",
            note="Plans are checked wherever the server file has `policies`; `policy_check: false` leaves them out.",
        ),
    ),
    text("tf-distribution", "", PartOf(settings=("terraform_distribution",), note="Atlantis's old name of that flag.")),
    switch(
        "tf-download",
        PartOf(
            settings=_DOWNLOADS,
            note="Thera downloads nothing unless it is told from where, and whose signature to trust: "
            "`THERA_TERRAFORM_SIGNING_KEYS`.",
        ),
        default=True,
    ),
    text(
        "tf-download-url",
        "https://releases.hashicorp.com",
        PartOf(settings=_DOWNLOADS, note="A default of OpenTofu gets OpenTofu's own address."),
    ),
    text("tfe-hostname", "app.terraform.io", PartOf(variable="TF_TOKEN_<host>", note="The host in the name.")),
    switch("tfe-local-execution-mode", NotNeeded("Logs can always be watched, wherever Terraform runs.")),
    secret(
        "tfe-token",
        PartOf(variable="TF_TOKEN_<host>", note="Terraform's own variable, in the environment of the workers."),
    ),
    switch(
        "use-tf-plugin-cache",
        NotNeeded("Providers are always cached, in a way that is safe for many at once."),
        default=True,
    ),
    switch(
        "write-git-creds",
        Becomes(
            setting="module_credentials",
            note="For workers; only `init` gets it, by its environment, and nothing is written to a home directory.",
        ),
    ),
)

ACCESS: tuple[Flag, ...] = (
    secret(
        "api-secret",
        Becomes(
            setting="api_tokens",
            note="At least 16 characters. Sent as `X-Atlantis-Token` to `/api/plan`, `/api/apply` and `/api/locks`, or "
            "as `Authorization: Bearer …` to these and `/api/v1`.",
        ),
    ),
    text("atlantis-url", None, Becomes(setting="url")),
    text(
        "config",
        "",
        Replaced(by="`thera import-atlantis --config`", reason="Thera is set by environment variables alone."),
    ),
    switch(
        "disable-global-apply-lock",
        NotNeeded("There is no button that stops every apply, and so none to hide."),
    ),
    number("port", 4141, Becomes(setting="port")),
    text("ssl-cert-file", "", _TLS),
    text("ssl-key-file", "", _TLS),
    switch(
        "web-basic-auth",
        Replaced(by="THERA_WEB_PASSWORD", reason="The pages always ask for a name and a password."),
    ),
    secret("web-password", Becomes(setting="web_password")),
    text("web-username", "atlantis", Becomes(setting="web_username")),
    switch(
        "websocket-check-origin",
        NotNeeded("Logs are not sent over WebSockets; they are pages that take a signed-in person."),
    ),
)

TELLING: tuple[Flag, ...] = (
    switch("enable-drift-detection", _DRIFT),
    switch("enable-drift-remediation", _DRIFT),
    switch(
        "enable-profiling-api",
        Replaced(by="a profiler from outside", reason="Go's profiler has no counterpart; py-spy looks into a process."),
    ),
    text("log-level", "info", Becomes(setting="log_level", convert=level)),
    secret("slack-token", Becomes(setting="slack_token")),
    text(
        "stats-namespace",
        "atlantis",
        NotNeeded("Numbers for Prometheus are at `/metrics`, and their names begin with `thera_`."),
    ),
    secret("webhook-http-headers", Becomes(setting="webhook_http_headers")),
    Flag(
        name="webhooks",
        kind=Kind.LIST,
        default="",
        outcome=PartOf(key="webhooks", note="The same list. There is no event `drift` yet."),
        only_in_file=True,
    ),
)
