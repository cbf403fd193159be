# What HCL can look like; all of it is accepted by Terraform.
terraform {
  required_version = ">= 1.5, < 2.0"
  backend "s3" {
    bucket = "state"
  }
}

/* a comment with module "no" { source = "./not-a-module" } inside */

module "net" {
  source   = "../modules/net" // after the value
  for_each = { for key, value in var.networks : key => value if value.enabled }
  names    = [for item in var.items : upper(item)]
  text     = <<-EOT
    module "no" {
      source = "./nor-this"
    }
    %{for name in var.names~}
    ${name} "quoted"
    %{endfor~}
  EOT
}

module "registry" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "~> 5.0"
}

module "git" { source = "git::https://example.com/network.git//modules/x?ref=v1" }

module "computed" {
  source = "./${var.name}"
}

module label_without_quotes {
  source = "./local"
}

resource "aws_instance" "web" {
  count = var.enabled ? 1 : 0
  tags  = merge(local.tags, { "Name" = "web-${count.index}", (var.key) = "x" })
  dynamic "disk" {
    for_each = var.disks
    iterator = each_disk
    content {
      size   = each_disk.value.size * 1e3
      source = "./not-a-module-either"
    }
  }
  user_data = <<EOF
#!/bin/sh
echo "$${not_interpolated}" %%{ neither }
EOF
  lifecycle {
    precondition {
      condition     = alltrue(var.items[*].ok) && !var.off
      error_message = "No."
    }
  }
}

output "splat" {
  value = aws_instance.web[*].id
}

moved {
  from = aws_instance.a
  to   = module.net["x"].aws_instance.a
}

check "up" {
  assert {
    condition     = provider::http::get("x").status == 200
    error_message = "down"
  }
}
