"""What live tuning does to real pods, measured on a cluster."""
