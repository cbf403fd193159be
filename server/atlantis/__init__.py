"""What a running Atlantis was told, for those who move to Thera: its server flags, and how each is said here."""
