module "net" {
  source = "../modules/net"
  cidr   =
}
