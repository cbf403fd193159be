module "net" {
<<<<<<< HEAD
  source = "../modules/net"
=======
  source = "../modules/network"
>>>>>>> feature
}
