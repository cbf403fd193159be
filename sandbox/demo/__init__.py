"""`make demo`: a forge, Thera, and a pull request that is planned, refused, approved, applied and merged."""
