"""The repository of the demonstration: three projects, a shared module, two workspaces."""

_MODULE = """\
variable "name" {
  type = string
}

variable "size" {
  type = number
}

variable "password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "cluster" {
  input = {
    name = var.name
    size = var.size
  }
  triggers_replace = [var.name]
}

resource "terraform_data" "login" {
  input = var.password
}

output "endpoint" {
  value = "https://${var.name}.example.test"
}
"""


def backend(url: str, state: str) -> str:
    """Keep a project's state at the sandbox, with locks."""
    return f"""\
terraform {{
  backend "http" {{
    address        = "{url}/state/{state}"
    lock_address   = "{url}/state/{state}"
    unlock_address = "{url}/state/{state}"
  }}
}}
"""


def repository(url: str) -> dict[str, str]:
    """Write the repository's first commit."""
    return {
        "README.md": "# Infrastructure of Acme\n",
        "modules/cluster/main.tf": _MODULE,
        "network/main.tf": backend(url, "network")
        + """
resource "terraform_data" "vpc" {
  input = { cidr = "10.0.0.0/16" }
}
""",
        "shop/main.tf": backend(url, "shop")
        + """
module "cluster" {
  source   = "../modules/cluster"
  name     = "shop"
  size     = 3
  password = "correct-horse-battery"
}

output "endpoint" {
  value = module.cluster.endpoint
}
""",
        "dns/main.tf": """\
terraform {
  backend "local" {}
}

variable "zone" {
  type    = string
  default = "example.test"
}

resource "terraform_data" "record" {
  input            = "${terraform.workspace}.${var.zone}"
  triggers_replace = var.zone
}
""",
        "thera.yaml": """\
version: 3
projects:
  - dir: network
  - dir: shop
    name: shop
  - dir: dns
    name: dns-staging
    workspace: staging
  - dir: dns
    name: dns-production
    workspace: production
    depends_on: [dns-staging]
""",
    }


def change(files: dict[str, str]) -> dict[str, str]:
    """Write the pull request: the shop grows, its module too, and the DNS zone moves."""
    return {
        "modules/cluster/main.tf": files["modules/cluster/main.tf"].replace(
            'value = "https://${var.name}.example.test"', 'value = "https://${var.name}.acme.test"'
        ),
        "shop/main.tf": files["shop/main.tf"].replace("size     = 3", "size     = 5"),
        "dns/main.tf": files["dns/main.tf"].replace('default = "example.test"', 'default = "acme.test"'),
    }


SERVER_FILE = """\
repos:
  - id: /.*/
    apply_requirements: [approved]
"""
