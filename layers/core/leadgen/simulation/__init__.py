"""What if: recorded leads decided again under draft policies, and a delivery previewed before it is sent."""
