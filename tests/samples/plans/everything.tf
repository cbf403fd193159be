variable "secret" {
  sensitive = true
  default   = "second-secret-value"
}
resource "terraform_data" "same" { input = "same" }
resource "terraform_data" "changed" { input = { size = 2, name = "a", list = ["x", "z"] } }
resource "terraform_data" "replaced" {
  input            = "r"
  triggers_replace = ["two"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "new_name" { input = "moved" }
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
removed {
  from = terraform_data.forgotten
  lifecycle { destroy = false }
}
import {
  to = terraform_data.imported
  id = "imported-id"
}
resource "terraform_data" "imported" {}
resource "terraform_data" "secret" { input = { token = var.secret, plain = "q" } }
resource "terraform_data" "created" {
  count = 2
  input = count.index
}
check "size" {
  assert {
    condition     = terraform_data.changed.input.size < 2
    error_message = "The size is too large."
  }
}
output "changed" { value = terraform_data.changed.output }
output "secret" {
  value     = var.secret
  sensitive = true
}
